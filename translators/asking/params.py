"""The parameters beside `input` and `tools`: what each becomes in a Chat request.

Refused where leaving one out would change the answer's meaning; reported where it is only a hint.
"""

from __future__ import annotations

from operator import attrgetter

from msgspec import UNSET

from translators.asking.structured import AnswerForm, set_format
from translators.dialects import Dialect
from translators.dialects.reasoning import set_reasoning
from translators.errors import InvalidRequest
from translators.report import Report
from translators.schema import chat
from translators.schema.responses import NULL, ResponsesRequest

_REFUSED: dict[str, str] = {
    "prompt": "there are no prompt templates here; send 'instructions' and 'input'",
    "moderation": "answers are not moderated here",
    "multi_agent": "there is one agent to a response",
}
_HINTS_WITHOUT_EFFECT: dict[str, str] = {
    "access_programs": "there are none here",
    "background_options": "what runs in the background begins at once",
    "image": "images travel as they are",
    "prompt_cache_options": "the upstream's cache takes no options",
}
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_HINTS = ("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
_ABSENT: tuple[object, ...] = (None, NULL)
_ORDINARY_TIERS = ("auto", "default")
# What most requests leave out: one look tells whether any of it is there.
_seldom = attrgetter(
    *_REFUSED, *_SAMPLING, *_HINTS, *_HINTS_WITHOUT_EFFECT, "service_tier", "stream_options", "truncation"
)
_NONE_OF_IT = _seldom(ResponsesRequest())
LOGPROBS = "message.output_text.logprobs"
ENCRYPTED_REASONING = "reasoning.encrypted_content"


def set_params(
    request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report
) -> AnswerForm | None:
    """Fills `request` from `params`; what is asked of the answer's form, if anything. Raises InvalidRequest."""
    has_seldom = _seldom(params) != _NONE_OF_IT
    if has_seldom:
        refuse_unsupported(params)
        _set_sampling(request, params, dialect, report)
    length = params.max_output_tokens or dialect.always_max_tokens
    if length is not None:
        setattr(request, dialect.max_tokens_field, length)
    if params.text is not None and params.text.verbosity is not None:
        _pass_on(request, "verbosity", params.text.verbosity, dialect, report)
    form = set_format(request, params, dialect, report)
    _set_logprobs(request, params, dialect, report)
    set_reasoning(request, None if params.reasoning is None else params.reasoning.effort, dialect, report)
    if params.stream:
        request.stream = True
        if dialect.stream_usage == "option":
            request.stream_options = chat.StreamOptions()
    if has_seldom:
        _set_hints(request, params, dialect, report)
    return form


def _set_sampling(request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report) -> None:
    for name in _SAMPLING:
        if (value := getattr(params, name)) is not None:
            _pass_on(request, name, value, dialect, report)
    _cap_temperature(request, dialect, report)


def _set_hints(request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report) -> None:
    if params.stream_options is not None and params.stream_options.include_obfuscation:
        report.ignored("stream_options.include_obfuscation", "events are not padded here")
    for name in _HINTS:
        if (hint := getattr(params, name)) is not None:
            _pass_on(request, name, hint, dialect, report)
    if params.service_tier is not None and params.service_tier not in _ORDINARY_TIERS:
        _pass_on(request, "service_tier", params.service_tier, dialect, report)
    for name, reason in _HINTS_WITHOUT_EFFECT.items():
        if getattr(params, name) not in _ABSENT:
            report.ignored(name, reason)


def refuse_unsupported(params: ResponsesRequest) -> None:
    """Raises InvalidRequest for a parameter without which the answer would be another."""
    for name, reason in _REFUSED.items():
        if getattr(params, name) not in _ABSENT:
            raise InvalidRequest(f"'{name}' is not supported: {reason}.", param=name, code="unsupported_parameter")


def _pass_on(request: chat.ChatRequest, name: str, value: float | str, dialect: Dialect, report: Report) -> None:
    if name in dialect.params:
        setattr(request, name, value)
    else:
        report.ignored(name, "the upstream does not take it")


def _cap_temperature(request: chat.ChatRequest, dialect: Dialect, report: Report) -> None:
    if request.temperature is not UNSET and request.temperature > dialect.max_temperature:
        report.changed("temperature", f"the upstream takes {dialect.max_temperature:g} at most")
        request.temperature = dialect.max_temperature


def _set_logprobs(request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report) -> None:
    for index, name in enumerate(params.include or ()):
        if name not in (LOGPROBS, ENCRYPTED_REASONING):
            report.ignored(f"include[{index}]", f"there is no '{name}' to include")
    if not wants_logprobs(params):
        return
    if "logprobs" not in dialect.params or (request.tools is not UNSET and not dialect.logprobs_with_tools):
        with_tools = "" if "logprobs" not in dialect.params else " beside tools"
        report.dropped("top_logprobs", f"the upstream gives no log probabilities{with_tools}")
        return
    request.logprobs = True
    if params.top_logprobs:
        request.top_logprobs = params.top_logprobs


def wants_logprobs(params: ResponsesRequest) -> bool:
    return bool(params.top_logprobs) or LOGPROBS in (params.include or ())
