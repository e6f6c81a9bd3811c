"""The configuration: frozen settings, read from one YAML file and the environment and nowhere else."""

from __future__ import annotations

from proxy.config.data_dir import DATA_DIR_VARIABLE, with_data_dir
from proxy.config.environment import (
    CONFIG_VARIABLE,
    HOST_VARIABLE,
    KEY_VARIABLE,
    LOCAL_BASE_URLS_VARIABLE,
    LOG_LEVEL_VARIABLE,
    PORT_VARIABLE,
    UPSTREAM_KEY_VARIABLE,
    UPSTREAM_MODEL_VARIABLE,
    UPSTREAM_VARIABLE,
    WORKERS_VARIABLE,
    local_base_urls_value,
)
from proxy.config.load import DEFAULT_FILE, ReadConfig, builtin_config, load_config, read_config, with_base_urls
from proxy.config.problems import ConfigError, Problem
from proxy.config.secret import Secret, hide_secrets
from proxy.config.settings import (
    LOCAL_MODEL,
    Config,
    DocumentSettings,
    ErrorSettings,
    FetchSettings,
    GrammarSettings,
    KeySettings,
    LogLevel,
    ModelSettings,
    OnUnsupported,
    ServerSettings,
    StoreSettings,
    UpstreamSettings,
)

__all__ = [
    "CONFIG_VARIABLE",
    "DATA_DIR_VARIABLE",
    "DEFAULT_FILE",
    "HOST_VARIABLE",
    "KEY_VARIABLE",
    "LOCAL_BASE_URLS_VARIABLE",
    "LOCAL_MODEL",
    "LOG_LEVEL_VARIABLE",
    "PORT_VARIABLE",
    "UPSTREAM_KEY_VARIABLE",
    "UPSTREAM_MODEL_VARIABLE",
    "UPSTREAM_VARIABLE",
    "WORKERS_VARIABLE",
    "Config",
    "ConfigError",
    "DocumentSettings",
    "ErrorSettings",
    "FetchSettings",
    "GrammarSettings",
    "KeySettings",
    "LogLevel",
    "ModelSettings",
    "OnUnsupported",
    "Problem",
    "ReadConfig",
    "Secret",
    "ServerSettings",
    "StoreSettings",
    "UpstreamSettings",
    "builtin_config",
    "hide_secrets",
    "load_config",
    "local_base_urls_value",
    "read_config",
    "with_base_urls",
    "with_data_dir",
]
