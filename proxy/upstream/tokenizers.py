"""`count_tokens`: the length of a Chat request by the upstream's own tokenizer, where its dialect has one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from msgspec import Raw, Struct

from proxy.upstream.connections import Upstreams
from proxy.upstream.plan import Route
from translators.errors import UpstreamError

Ask = Callable[[str, object], Awaitable[bytes]]


class _Prompt(Struct):
    prompt: str


class _Tokens(Struct):
    tokens: list[Raw]


class _Count(Struct):
    count: int


class _PromptText(Struct):
    content: str
    add_special: bool = True
    parse_special: bool = True


async def _llamacpp(ask: Ask, chat: dict[str, Raw]) -> int:
    prompt = msgspec.json.decode(await ask("/apply-template", chat), type=_Prompt)
    tokens = msgspec.json.decode(await ask("/tokenize", _PromptText(prompt.prompt)), type=_Tokens)
    return len(tokens.tokens)


async def _vllm(ask: Ask, chat: dict[str, Raw]) -> int:
    asked = {name: chat[name] for name in ("model", "messages", "tools") if name in chat}
    return msgspec.json.decode(await ask("/tokenize", asked), type=_Count).count


_COUNTERS: dict[str, Callable[[Ask, dict[str, Raw]], Awaitable[int]]] = {"llamacpp": _llamacpp, "vllm": _vllm}


async def count_tokens(
    upstreams: Upstreams, route: Route, body: bytes, client_headers: Mapping[str, str]
) -> int | None:
    """None where the upstream has no tokenizer, or does not answer as one."""
    counter = _COUNTERS.get(route.dialect.name)
    if counter is None:
        return None
    root = (route.upstream.base_url or "").removesuffix("/v1")

    async def ask(path: str, value: object) -> bytes:
        return await upstreams.ask(route.upstream_name, root + path, client_headers, msgspec.json.encode(value))

    try:
        return await counter(ask, msgspec.json.decode(body, type=dict[str, Raw]))
    except (UpstreamError, msgspec.DecodeError):
        return None
