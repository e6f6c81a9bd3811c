"""Other projects' proxies of the same kind, one entry each, installed from the package registry into their own venvs.

They are started and measured as Dragoman is, with their defaults, at the version that the entry names.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.servers import Launch, Server

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dragoman-benchmarks"


def _peer(
    name: str,
    requirement: str,
    command: Callable[[Path, Launch], list[str]],
    *,
    ready: str | None,
    ready_limit: float = 30.0,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """A peer that `requirement` installs; `command` gets the folder of its programs."""
    programs = _venv(requirement) / "bin"
    return Server(
        name,
        lambda launch: command(programs, launch),
        lambda: requirement,
        ready=ready,
        ready_limit=ready_limit,
        environment=environment or {},
    )


def install_peer(peer: Server) -> None:
    """Makes the peer's venv, once; the marker file says that it is whole."""
    requirement = peer.version()
    venv = _venv(requirement)
    if (venv / "installed").exists():
        return
    sys.stderr.write(f"installing {requirement}\n")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, requirement], check=True)
    (venv / "installed").touch()


def _venv(requirement: str) -> Path:
    return CACHE / "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in requirement)


def _relay(program: str) -> Callable[[Path, Launch], list[str]]:
    def command(programs: Path, launch: Launch) -> list[str]:
        serve = [str(programs / program), "--port", str(launch.port)]
        return [*serve, "--upstream", launch.upstream, "--api-key", "bench"]

    return command


def _litellm(programs: Path, launch: Launch) -> list[str]:
    # The setting that makes it translate; without it the request would be passed on to the upstream's /v1/responses.
    settings = {"model": "openai/*", "api_base": launch.upstream, "api_key": "bench", "use_chat_completions_api": True}
    config = launch.write_config({"model_list": [{"model_name": "*", "litellm_params": settings}]})
    serve = [str(programs / "litellm"), "--config", config, "--host", "127.0.0.1"]
    return [*serve, "--port", str(launch.port), "--num_workers", str(launch.workers)]


# The one that is fast: targets are held against it.
RELAY = _peer("codex-relay", "codex-relay==0.5.8", _relay("codex-relay"), ready=None)
PEERS = (
    RELAY,
    _peer("codex-bridge-python", "codex-bridge-python==0.1.5", _relay("codex-bridge-python"), ready=None),
    _peer(
        "litellm",
        "litellm[proxy]==1.106.2",
        _litellm,
        ready="/health/liveliness",
        ready_limit=120.0,
        environment={
            # Otherwise it fetches a price list from the network when it starts.
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            # It wants inbound keys, and checking them is not what is compared here.
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        },
    ),
)
