"""`dragoman init`: writes a commented configuration for one upstream, and checks it.

What the flags leave open is asked for on a terminal. An upstream's key is never written down: the file names the
environment variable that holds it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from proxy.commands import check
from proxy.commands.terminal import complain, fail, say
from proxy.commands.trials import ASKING_SECONDS
from proxy.config import DEFAULT_FILE, Secret, UpstreamSettings
from proxy.config.fields import base_url
from proxy.models.facts import read_models
from proxy.upstream.connections import Upstreams
from translators.errors import UpstreamError

_EXAMPLES = "http://127.0.0.1:11434/v1 (Ollama), http://127.0.0.1:8000/v1 (vLLM), https://openrouter.ai/api/v1"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYLESS_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_TEMPLATE = """\
# Written by `dragoman init`. `dragoman check` tells what is wrong with it, and where each model goes.
# In any text value ${NAME} is the environment variable NAME.

upstreams:
  {name}:
    # Where the API begins: /chat/completions is added to it.
    base_url: {url}
{key}    # `auto` goes by the host, the list of models and the model; `dragoman doctor {name} --model NAME` asks it.
    #dialect: auto

# Which upstream serves which model name; an exact name wins over a pattern (* ? [abc]).
models:
{models}
server:
  #host: 127.0.0.1
  #port: 8080
  # Who may call, each as `Authorization: Bearer …`; with an empty list anyone who reaches the port may.
  #api_keys: ["${DRAGOMAN_KEY}"]

# Where responses are kept for `previous_response_id`, conversations and background work.
store:
  # sqlite, postgres (with `dsn`) or memory.
  #kind: sqlite
  #max_age_days: 30.0
"""
_KEY = """\
    # From the environment: the key itself does not belong into this file.
    api_key: {key}
"""
_NO_KEY = """\
    #api_key: {key}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, default=DEFAULT_FILE, metavar="FILE", help="the file to write")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    parser.add_argument("--upstream", metavar="URL", help=f"the address before /chat/completions: {_EXAMPLES}")
    parser.add_argument("--key-variable", metavar="NAME", help="the environment variable that holds its key")
    parser.add_argument("--model", action="append", default=[], metavar="NAME", help="a model to name in the file")
    parser.add_argument("--offline", action="store_true", help="ask no upstream")


def run(arguments: argparse.Namespace) -> int:
    output: Path = arguments.output
    if output.exists() and not arguments.force:
        return fail(f"dragoman: {output} is there already: --force writes over it, --output names another", status=1)
    try:
        url = base_url(arguments.upstream or _ask_for_address())
        variable = _key_variable(arguments.key_variable, url)
    except (ValueError, EOFError) as error:
        return fail(f"dragoman: --upstream: {error or 'no address was given'}", status=2)
    if not arguments.offline:
        url = asyncio.run(_find_base(url, os.environ.get(variable) if variable else None))
    try:
        output.write_text(_configuration(url, variable, arguments.model), encoding="utf-8")
    except OSError as error:
        return fail(f"dragoman: cannot write {output}: {error.strerror}", status=1)
    say(f"{output} is written.\n")
    status = check.run(_check_arguments(output, offline=arguments.offline))
    if status == 0:
        say(f"\nNow: dragoman serve{'' if output == DEFAULT_FILE else f' --config {output}'}")
    return status


def _check_arguments(file: Path, *, offline: bool) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    return parser.parse_args(["--config", str(file), *(["--offline"] if offline else [])])


def _ask_for_address() -> str:
    """Raises ValueError where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise ValueError("is needed where nobody can be asked")
    complain(f"Where is the Chat Completions API? As in {_EXAMPLES}.")
    return input("Address: ").strip()


def _key_variable(given: str | None, url: str) -> str | None:
    """The variable that holds the key; None where the upstream needs none. Raises ValueError."""
    proposed = _usual_variable(url)
    if given is None and sys.stdin.isatty():
        complain("Which environment variable holds its key? (- for none)")
        proposed = "-" if urlsplit(url).hostname in _KEYLESS_HOSTS else proposed
        given = input(f"Variable [{proposed}]: ").strip() or proposed
    elif given is None:
        given = proposed if proposed in os.environ else "-"
    if given in ("", "-"):
        return None
    if not _VARIABLE.fullmatch(given):
        raise ValueError("the name of a variable has letters, digits and _ only")
    return given


def _usual_variable(url: str) -> str:
    return f"{_name_of(url).upper().replace('-', '_')}_API_KEY"


async def _find_base(url: str, key: str | None) -> str:
    """`url`, or the same with /v1 where that alone lists models: many a server's address is told without it."""
    for candidate in (url, f"{url}/v1"):
        settings = UpstreamSettings(base_url=candidate, api_key=None if key is None else Secret(key))
        upstreams = Upstreams({"asked": settings})
        try:
            async with asyncio.timeout(ASKING_SECONDS):
                if read_models(await upstreams.get("asked", "/models", {})):
                    return candidate
        except (TimeoutError, UpstreamError):
            continue
        finally:
            await upstreams.aclose()
    return url


def _configuration(url: str, variable: str | None, models: list[str]) -> str:
    name = _name_of(url)
    lines = [f"  {_quoted(model)}: {{upstream: {name}}}" for model in models]
    lines.append(f'  "*": {{upstream: {name}}}  # every other name goes through as it is')
    key = (_NO_KEY if variable is None else _KEY).replace("{key}", _quoted(f"${{{variable or _usual_variable(url)}}}"))
    text = _TEMPLATE.replace("{key}", key).replace("{models}", "\n".join(lines) + "\n")
    return text.replace("{name}", name).replace("{url}", _quoted(url))


def _name_of(url: str) -> str:
    """What stands for the upstream in the file: the part of its host that people call it by."""
    host = urlsplit(url).hostname or ""
    labels = host.split(".")
    named = len(labels) > 1 and not labels[-1].isdigit() and ":" not in host
    return labels[-2] if named and _VARIABLE.fullmatch(labels[-2].replace("-", "_")) else "backend"


def _quoted(text: str) -> str:
    """A double-quoted scalar of YAML, which one of JSON is."""
    return json.dumps(text, ensure_ascii=False)
