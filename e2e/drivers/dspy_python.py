"""DSPy with `model_type="responses"`: signatures over a language model, its cache off."""

from __future__ import annotations

import os
import warnings

import dspy
from outcome import GREETING, MESSAGES, PIXEL, refusals, run

warnings.simplefilter("ignore")
dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


def model(name: str, **options: object) -> dspy.LM:
    return dspy.LM(
        f"openai/{name}",
        model_type="responses",
        api_base=os.environ["OPENAI_BASE_URL"],
        api_key=os.environ["OPENAI_API_KEY"],
        cache=False,
        num_retries=0,
        **options,
    )


def text() -> None:
    """An answer in plain text, and a signature in DSPy's own form: the model answers in fields."""
    answer = model("text")("Say hello.")[0]
    assert (answer if isinstance(answer, str) else answer["text"]) == GREETING, answer
    with dspy.context(lm=model("text.dspy")):
        assert dspy.Predict("question -> answer")(question="Say hello.").answer == GREETING


def image() -> None:
    with dspy.context(lm=model("image.dspy")):
        answer = dspy.Predict("picture: dspy.Image -> answer")(picture=dspy.Image(PIXEL))
    assert answer.answer == "A single red pixel.", answer


def _hello(name: str, streamed: bool) -> object:
    return model(name)("Say hello.")


run([text, image], refusals(_hello, MESSAGES, streamed=(False,)))
