"""`main`: the command line of `dragoman`.

Exit status: 0 where all went well (also after SIGTERM or SIGINT), 2 for a command line or a configuration that cannot
be used, 1 for everything else that went wrong. Flags reach the configuration as the environment variables that they
stand for, so that worker processes inherit them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence

from proxy.commands.terminal import fail, say
from proxy.transports import TransportUnavailable

# A command's module is loaded when it is asked for: some take longer to load than others take to run.
COMMANDS = {
    "serve": "run the proxy",
    "check": "read the configuration, show where each model goes, and try what a start needs",
    "translate": "read a Responses request on stdin, print the Chat Completions request",
    "backup": "copy the SQLite database into a new file, while the server may be at work",
    "doctor": "find out an upstream's dialect with some fifty tiny requests",
    "codex-config": "print what Codex CLI needs in its config.toml",
    "init": "write a commented configuration for one upstream, and check it",
    "chat": "talk to a model: a line in, the streamed answer out",
    "completion": "print what completes the command in a shell",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command that `argv` (else the process's arguments) names, and returns its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = build_parser(given).parse_args(given)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except TransportUnavailable as error:
        return fail(f"dragoman: {error}", status=2)


def build_parser(named: Sequence[str]) -> argparse.ArgumentParser:
    """The parser with the arguments of those commands that are `named`."""
    parser = argparse.ArgumentParser(prog="dragoman", description="A Responses API for any Chat Completions backend.")
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, told in COMMANDS.items():
        command = commands.add_parser(name, help=told, description=f"{told[:1].upper()}{told[1:]}.")
        if name in named:
            module = importlib.import_module(f"proxy.commands.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


class _ShowVersion(argparse.Action):
    """Prints the version. argparse's own action wants the text before anybody asks for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        say(f"dragoman {_version()}")
        parser.exit()


def _version() -> str:
    import importlib.metadata  # here: as slow to load as a tenth of the program

    try:
        return importlib.metadata.version("dragoman")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return "(not installed)"
