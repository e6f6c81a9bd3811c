"""The settings as frozen structs; every default of the product stands here, and `config.yaml` documents each.

The checks that an annotation carries run when a file is read; what several settings must agree on is in `rules`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from proxy.config.fields import (
    AllowedHost,
    ApiKey,
    BaseUrl,
    Dsn,
    ExistingFile,
    FixedHeader,
    HeaderValue,
    KeyName,
    Origin,
    SealingKey,
    Sha256,
    TravellingHeader,
)
from translators.limits import DEFAULT_LIMITS
from translators.report import OnUnsupported
from translators.schema.responses import Thoughts

__all__ = [
    "LOCAL_MODEL",
    "Config",
    "DocumentSettings",
    "ErrorSettings",
    "FetchSettings",
    "GrammarSettings",
    "KeySettings",
    "LogLevel",
    "ModelSettings",
    "OnUnsupported",
    "ServerSettings",
    "StoreSettings",
    "UpstreamSettings",
]

LOCAL_MODEL = "smollm2"
"""The model of the embedded server; its name in the absence of another."""

LogLevel = Literal["debug", "info", "warning", "error"]
Name = Annotated[str, Meta(min_length=1)]
Modality = Literal["text", "image", "audio", "file"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]

RETURN_HEADERS = (
    "x-request-id",
    "retry-after",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
)


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the proxy listens, whom it lets in, and how much it takes."""

    host: Name = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8080
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    api_keys: tuple[ApiKey, ...] = ()
    log_level: LogLevel = "info"
    max_body_bytes: Annotated[int, Meta(ge=1)] = 64 * 1024 * 1024
    max_depth: Annotated[int, Meta(ge=1, le=900)] = 256  # CPython recurses about a thousand calls deep
    keep_alive_seconds: Annotated[float, Meta(ge=0, le=3600)] = 15.0
    metrics: bool = True
    websocket_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 3600.0
    max_websockets: Annotated[int, Meta(ge=1)] = 512
    max_message_bytes: Annotated[int, Meta(ge=1)] = 32 * 1024 * 1024
    max_waiting_bytes: Annotated[int, Meta(ge=1)] = 512 * 1024 * 1024
    cors_origins: tuple[Origin, ...] = ()
    allowed_hosts: tuple[AllowedHost, ...] = ()
    max_connections: Annotated[int, Meta(ge=1)] = 4096
    max_head_bytes: Annotated[int, Meta(ge=1024, le=16 * 1024 * 1024)] = 64 * 1024
    max_head_fields: Annotated[int, Meta(ge=16, le=10_000)] = 128
    head_timeout: Seconds = 30.0
    body_timeout: Seconds = 30.0
    idle_timeout: Seconds = 75.0
    drain_delay: Annotated[float, Meta(ge=0, le=600)] = 3.0
    drain_timeout: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    slow_loop_seconds: Annotated[float, Meta(gt=0, le=3600)] = 0.25


class KeySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may call under one name: with `key`, or with any key that has one of the digests."""

    key: ApiKey | None = None
    sha256: tuple[Sha256, ...] = ()
    models: tuple[Name, ...] | None = None
    concurrency: Annotated[int, Meta(ge=0)] = 0


class UpstreamSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Chat Completions server. Header names are in lower case, `base_url` ends without a slash."""

    kind: Literal["chat", "local"] = "chat"
    base_url: BaseUrl | None = None
    api_key: ApiKey | None = None
    pass_client_key: bool = False
    dialect: str | dict[str, Any] = "auto"
    headers: dict[FixedHeader, HeaderValue] = {}
    forward_headers: tuple[TravellingHeader, ...] = ()
    return_headers: tuple[TravellingHeader, ...] = RETURN_HEADERS
    transport: Literal["native", "httpx"] = "native"
    verify_tls: bool = True
    ca_file: ExistingFile | None = None
    connect_timeout: Seconds = 10.0
    first_byte_timeout: Seconds = 600.0
    read_timeout: Seconds = 300.0
    answer_timeout: Seconds = 14_400.0
    max_event_bytes: Annotated[int, Meta(ge=1 << 20)] = DEFAULT_LIMITS.event
    max_answer_bytes: Annotated[int, Meta(ge=1 << 20)] = DEFAULT_LIMITS.answer
    lesson_seconds: Annotated[float, Meta(ge=0, le=31_536_000)] = 86_400.0
    model_path: ExistingFile | None = None
    context_size: Annotated[int, Meta(ge=256)] = 8192
    threads: Annotated[int, Meta(ge=1, le=1024)] = 1


class ModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one model name, or one pattern of names, stands for."""

    upstream: Name
    model: Name | None = None
    defaults: dict[str, Any] = {}
    extra_body: dict[str, Any] = {}
    drop_params: tuple[str, ...] = ()
    dialect: str | dict[str, Any] = "auto"
    grammar_retries: Annotated[int, Meta(ge=0, le=10)] = 1
    empty_retries: Annotated[int, Meta(ge=0, le=10)] = 1
    estimate_usage: bool = True
    summary_tokens: Annotated[int, Meta(ge=256)] = 8192
    thoughts: Thoughts = "as_asked"
    on_unsupported: OnUnsupported | None = None
    context_window: Annotated[int, Meta(ge=1)] | None = None
    input_modalities: tuple[Modality, ...] | None = None
    reasoning_efforts: tuple[Effort, ...] | None = None


class FetchSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Images and files that the proxy fetches for upstreams which take contents only."""

    max_bytes: Annotated[int, Meta(ge=1)] = 20 * 1024 * 1024
    timeout: Seconds = 20.0
    allow_private: bool = False


class DocumentSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PDF documents whose text the proxy sends to upstreams that take no files."""

    max_bytes: Annotated[int, Meta(ge=1)] = 20 * 1024 * 1024
    max_pages: Annotated[int, Meta(ge=1)] = 500
    timeout: Seconds = 20.0
    processes: Annotated[int, Meta(ge=1, le=256)] = 3


class GrammarSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Grammars and patterns of custom tools, by which the proxy checks what the model gives them."""

    timeout: Seconds = 5.0
    processes: Annotated[int, Meta(ge=1, le=256)] = 2


class ErrorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The names under which clients hear of errors."""

    codes: dict[Name, Name] = {}


class StoreSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where responses are kept, and for how long."""

    kind: Literal["sqlite", "memory", "postgres"] = "sqlite"
    data_dir: Name | None = None
    dsn: Dsn | None = None
    timeout: Seconds = 10.0
    statement_cache_size: Annotated[int, Meta(ge=0, le=10_000)] = 100
    fsync: bool = False
    on_failure: Literal["refuse", "answer"] = "refuse"
    max_references: Annotated[int, Meta(ge=1)] = 10_000
    max_age_days: Annotated[float, Meta(ge=0, le=36_500)] = 30.0
    max_conversation_age_days: Annotated[float, Meta(ge=0, le=36_500)] = 0.0
    max_responses: Annotated[int, Meta(ge=0)] = 0
    max_bytes: Annotated[int, Meta(ge=0)] = 0
    lease_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 15.0
    keep_events: Literal["background", "all"] = "background"
    unstored_continuation: Literal["allow", "refuse"] = "allow"
    conversations: Literal["asked", "always"] = "asked"
    sealing_keys: tuple[SealingKey, ...] = ()


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration: all that a process is told."""

    server: ServerSettings = ServerSettings()
    keys: dict[KeyName, KeySettings] = {}
    upstreams: dict[Name, UpstreamSettings] = {}
    models: dict[Name, ModelSettings] = {}
    default_model: Name | None = None
    store: StoreSettings = StoreSettings()
    fetch: FetchSettings = FetchSettings()
    documents: DocumentSettings = DocumentSettings()
    grammars: GrammarSettings = GrammarSettings()
    errors: ErrorSettings = ErrorSettings()
    on_unsupported: OnUnsupported = "report"
