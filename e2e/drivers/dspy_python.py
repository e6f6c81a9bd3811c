"""DSPy with `model_type="responses"`: signatures over a language model, its cache off."""

from __future__ import annotations

import os
import warnings

import dspy
from outcome import GREETING, PIXEL, expect_error, run

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
    answer = model("text")("Say hello.")[0]
    assert (answer if isinstance(answer, str) else answer["text"]) == GREETING, answer


def signature() -> None:
    """A signature in DSPy's own text form: the model answers in fields."""
    with dspy.context(lm=model("text.dspy")):
        assert dspy.Predict("question -> answer")(question="Say hello.").answer == GREETING


def both() -> None:
    text()
    signature()


def image() -> None:
    with dspy.context(lm=model("image.dspy")):
        answer = dspy.Predict("picture: dspy.Image -> answer")(picture=dspy.Image(PIXEL))
    assert answer.answer == "A single red pixel.", answer


def _refused(name: str, *words: str) -> None:
    try:
        model(name)("Say hello.")
    except Exception as error:
        expect_error(error, *words)
    else:
        raise AssertionError("it was answered")


def error_400() -> None:
    _refused("error-400", "too peculiar")


def error_401() -> None:
    _refused("error-401", "Incorrect API key")


def error_429() -> None:
    _refused("error-429", "Rate limit")


def error_500() -> None:
    _refused("error-500", "had an error")


def overflow() -> None:
    _refused("overflow", "context length")


def cut() -> None:
    _refused("cut")


run(
    {
        "text": both,
        "image": image,
        "error-400": error_400,
        "error-401": error_401,
        "error-429": error_429,
        "error-500": error_500,
        "overflow": overflow,
        "cut": cut,
    }
)
