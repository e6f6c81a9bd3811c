"""`dragoman completion SHELL`: prints what completes the command in a shell."""

from __future__ import annotations

import argparse
import sys

from proxy.commands.terminal import fail, say

_HELP = """\
bash:  eval "$(dragoman completion bash)"                    in ~/.bashrc
zsh:   dragoman completion zsh > "${fpath[1]}/_dragoman"
fish:  dragoman completion fish > ~/.config/fish/completions/dragoman.fish
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish", "tcsh", "powershell"))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _HELP


def run(arguments: argparse.Namespace) -> int:
    try:
        import shtab  # here: nothing else needs it
    except ImportError:
        return fail(f"dragoman: completion needs the package shtab: {sys.executable} -m pip install shtab", status=1)
    from proxy.commands.main import COMMANDS, build_parser

    say(shtab.complete(build_parser(list(COMMANDS)), arguments.shell))
    return 0
