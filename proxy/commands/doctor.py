"""`dragoman doctor`: a backend's dialect, found out with a few dozen tiny requests.

Each probe asks what one fact is about and says what it learned; `Diagnosis.lines` is YAML to paste, with what could
not be told as comments.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from proxy.commands.configuration import add_config_argument, read_config
from proxy.commands.doctor_probes import PROBES, first_contact
from proxy.commands.doctor_target import Json, ProbeTarget
from proxy.commands.terminal import complain, fail, say, styled
from proxy.config import Config, ConfigError, ModelSettings, with_base_urls
from proxy.local_model.server import LocalServer, LocalServerUnavailable, LocalSettings
from proxy.upstream.connections import Upstreams
from proxy.upstream.routing import Router
from translators.dialects.preset import read_facts
from translators.errors import BridgeError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("upstream", help="its name in the configuration")
    parser.add_argument("--model", required=True, help="the model to ask, as the upstream knows it")


def run(arguments: argparse.Namespace) -> int:
    try:
        config = read_config(arguments)
    except ConfigError as error:
        return fail(str(error), status=2)
    if arguments.upstream not in config.upstreams:
        return fail(f"There is no upstream '{arguments.upstream}'. Known: {', '.join(config.upstreams)}.", status=2)
    try:
        with reachable(config, arguments.upstream) as running:
            diagnosis = asyncio.run(diagnose(running, arguments.upstream, arguments.model, told=_tell_progress))
    except LocalServerUnavailable as error:
        return fail(str(error), status=1)
    except BridgeError as error:
        return fail(error.envelope().decode(), status=1)
    for line in diagnosis.lines():
        say(line)
    complain(f"({diagnosis.asked} requests)")
    return 0


def _tell_progress(step: int, subject: str) -> None:
    complain(styled(f"[{step}/{len(PROBES) + 1}] {subject}", "dim", sys.stderr))


class Diagnosis(Struct):
    """What was found out: facts by name, and a line for each that could not be told."""

    facts: Json
    unknown: list[str] = []
    asked: int = 0

    def lines(self) -> Iterator[str]:
        yield "dialect:"
        yield "  preset: generic"
        for fact, value in self.facts.items():
            plain = sorted(value) if isinstance(value, frozenset) else value
            yield f"  {fact}: {msgspec.json.encode(plain).decode()}"
        for line in self.unknown:
            yield f"  # {line}"


@contextlib.contextmanager
def reachable(config: Config, upstream: str) -> Iterator[Config]:
    """The configuration while the upstream runs, if it is an embedded one. Raises LocalServerUnavailable."""
    settings = config.upstreams[upstream]
    if settings.kind != "local":
        yield config
        return
    with LocalServer(LocalSettings(settings.model_path, settings.context_size, settings.threads)) as server:
        yield with_base_urls(config, {upstream: server.base_url})


def _untold(step: int, subject: str) -> None:
    """Says nothing of how far the examination is: for whoever shows no progress."""


async def diagnose(
    config: Config, upstream: str, model: str, *, told: Callable[[int, str], None] = _untold
) -> Diagnosis:
    """Asks the upstream all there is to ask; `told` gets the number and the subject of each step before it is made.

    Raises UpstreamError where no probe can be made.
    """
    alone = msgspec.structs.replace(config, models={"*": ModelSettings(upstream=upstream)})
    upstreams = Upstreams(config.upstreams)
    target = ProbeTarget(upstreams, Router(alone).route(model))
    try:
        told(1, "a plain question")
        await first_contact(target)
        for step, (subject, probe) in enumerate(PROBES.items(), 2):
            told(step, subject)
            await probe(target)
    finally:
        await upstreams.aclose()
    return Diagnosis(read_facts(target.facts), target.unknown, target.asked)
