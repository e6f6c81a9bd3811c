"""The parameters beside `input` and `tools`: what each becomes in a Chat request.

Refused where leaving one out would change the answer's meaning; reported where it is only a hint.
"""

from __future__ import annotations

from msgspec import UNSET

from translators.decode import is_null
from translators.dialects import Dialect
from translators.errors import InvalidRequest
from translators.report import Report
from translators.schema import chat
from translators.schema.responses import NULL, ResponsesRequest, TextFormat

_REFUSED: dict[str, str] = {
    "prompt": "there are no prompt templates here; send 'instructions' and 'input'",
    "moderation": "answers are not moderated here",
    "multi_agent": "there is one agent to a response",
}
_HINTS_WITHOUT_EFFECT: dict[str, str] = {
    "access_programs": "there are none here",
    "background_options": "nothing runs in the background here",
    "image": "images travel as they are",
    "prompt_cache_options": "the upstream's cache takes no options",
}
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_HINTS = ("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
_ABSENT: tuple[object, ...] = (None, NULL)
_ORDINARY_TIERS = (None, "auto", "default")
LOGPROBS = "message.output_text.logprobs"
ENCRYPTED_REASONING = "reasoning.encrypted_content"


def set_params(request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report) -> None:
    """Fills `request` from `params`. Raises InvalidRequest for what cannot be honoured."""
    _refuse(params)
    for name in _SAMPLING:
        _pass_on(request, name, getattr(params, name), dialect, report)
    if params.max_output_tokens is not None:
        setattr(request, dialect.max_tokens_field, params.max_output_tokens)
    _set_text(request, params, dialect, report)
    _set_reasoning(request, params, dialect, report)
    _set_logprobs(request, params, dialect, report)
    _set_stream(request, params, dialect, report)
    for name in _HINTS:
        _pass_on(request, name, getattr(params, name), dialect, report)
    if params.service_tier not in _ORDINARY_TIERS:
        _pass_on(request, "service_tier", params.service_tier, dialect, report)
    if params.truncation == "auto":
        report.ignored("truncation", "nothing is cut here; the upstream decides about what is too long")
    for name, reason in _HINTS_WITHOUT_EFFECT.items():
        if getattr(params, name) not in _ABSENT:
            report.ignored(name, reason)


def _refuse(params: ResponsesRequest) -> None:
    for name, reason in _REFUSED.items():
        if getattr(params, name) not in _ABSENT:
            raise InvalidRequest(f"'{name}' is not supported: {reason}.", param=name, code="unsupported_parameter")


def _pass_on(request: chat.ChatRequest, name: str, value: float | str | None, dialect: Dialect, report: Report) -> None:
    if value is None:
        return
    if name in dialect.params:
        setattr(request, name, value)
    else:
        report.ignored(name, "the upstream does not take it")


def _set_text(request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report) -> None:
    if params.text is None:
        return
    _pass_on(request, "verbosity", params.text.verbosity, dialect, report)
    at = "text.format" if params.text.format is not None else "text.response_format"
    wanted = params.text.format or params.text.response_format
    if wanted is None or wanted.type == "text":
        return
    if "response_format" not in dialect.params:
        raise InvalidRequest("This model's upstream cannot hold to a format.", param=at, code="unsupported_parameter")
    request.response_format = chat.ResponseFormat(wanted.type)
    if wanted.type == "json_schema":
        request.response_format.json_schema = _json_schema(wanted, at)


def _json_schema(wanted: TextFormat, at: str) -> chat.JsonSchema:
    fields = wanted.json_schema or wanted
    if is_null(fields.schema):
        param = f"{at}.json_schema.schema" if wanted.json_schema else f"{at}.schema"
        raise InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    return chat.JsonSchema(
        fields.name or "response",
        fields.schema,
        UNSET if fields.strict is None else fields.strict,
        UNSET if fields.description is None else fields.description,
    )


def _set_reasoning(request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report) -> None:
    if params.reasoning is not None:
        _pass_on(request, "reasoning_effort", params.reasoning.effort, dialect, report)


def _set_logprobs(request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report) -> None:
    for index, name in enumerate(params.include or ()):
        if name not in (LOGPROBS, ENCRYPTED_REASONING):
            report.ignored(f"include[{index}]", f"there is no '{name}' to include")
    if not wants_logprobs(params):
        return
    if "logprobs" not in dialect.params:
        report.dropped("top_logprobs", "the upstream gives no log probabilities")
        return
    request.logprobs = True
    if params.top_logprobs:
        request.top_logprobs = params.top_logprobs


def wants_logprobs(params: ResponsesRequest) -> bool:
    return bool(params.top_logprobs) or LOGPROBS in (params.include or ())


def _set_stream(request: chat.ChatRequest, params: ResponsesRequest, dialect: Dialect, report: Report) -> None:
    if params.stream_options is not None and params.stream_options.include_obfuscation:
        report.ignored("stream_options.include_obfuscation", "events are not padded here")
    if not params.stream:
        return
    request.stream = True
    if dialect.stream_usage == "option":
        request.stream_options = chat.StreamOptions()
