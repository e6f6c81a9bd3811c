"""Builds and runs the image where no Docker engine is: `python -m tests.support.replay_dockerfile`, as root on Linux.

Each stage is an overlay on this machine's own system, which stands for the base image; each RUN is a chroot into it
with the environment that Docker would give. The result runs as its own user, with processes and a network of its own:
it must get healthy, answer one request, and end well on its stop signal.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec

from tests.support.dockerfile import Instruction, expand, is_ignored, parse_assignments, parse_dockerfile

PROJECT = Path(__file__).parents[2]
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RUN_SECONDS = 180
# What a configuration may ask of the image besides what its own does: PostgreSQL.
_IMPORTS_OF_EXTRAS = "import asyncpg"
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


class Image(msgspec.Struct):
    root: str
    environment: dict[str, str]
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = []
    command: list[str] = []
    health: list[str] = []
    port: int = 0
    stop_signal: str = "SIGTERM"


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case []:
            return _replay()
        case ["build", scratch]:
            return _build(Path(scratch))
        case ["run", image]:
            return _run(msgspec.json.decode(image, type=Image))
    _say("usage: python -m tests.support.replay_dockerfile")
    return 2


def _replay() -> int:
    if sys.platform != "linux" or os.geteuid() != 0:
        _say("image-check needs root on Linux; with a Docker engine, `docker build .` does what it stands for")
        return 1
    with tempfile.TemporaryDirectory(prefix="dragoman-image-") as scratch:
        # The overlays are mounted in a space of their own, and gone with it.
        return subprocess.run(["unshare", "--mount", "--", *_self("build", scratch)], check=False).returncode


def _build(scratch: Path) -> int:
    stages: dict[str, _Stage] = {}
    for number, described in enumerate(parse_dockerfile((PROJECT / "Dockerfile").read_text())):
        began = time.monotonic()
        stage = _Stage(scratch / str(number))
        for instruction in described.instructions:
            stage.apply(instruction, stages)
        stages[described.name or "image"] = stage
        _say(f"stage {described.name or number} from {described.base}: {time.monotonic() - began:.1f} s")
    image = stages["image"].image
    spaces = ["unshare", "--net", "--pid", "--fork", "--kill-child", f"--mount-proc={image.root}/proc", "--"]
    argument = msgspec.json.encode(image).decode()
    return subprocess.run([*spaces, *_self("run", argument)], check=False, timeout=_RUN_SECONDS).returncode


def _run(image: Image) -> int:
    _raise_loopback()
    shell = ["/bin/sh", "-ec", f'cd {image.workdir} && exec "$@"', "sh"]
    enter = ["chroot", f"--userspec={image.user}", image.root, *shell]
    server = subprocess.Popen(
        [*enter, *image.entrypoint, *image.command], env=image.environment, stdout=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdout
        announcement = server.stdout.readline()
        if not announcement:
            return 1  # it has said why, on standard error
        _say(announcement.rstrip())
        subprocess.run([*enter, *image.health], env=image.environment, check=True)
        subprocess.run([*enter, "python", "-c", _IMPORTS_OF_EXTRAS], env=image.environment, check=True)
        _say(f"healthy, and it answers: {_ask(image.port)!r}")
        server.send_signal(signal.Signals[image.stop_signal])
        server.stdout.read()
    _say(f"ended by {image.stop_signal} with exit status {server.returncode}")
    return server.returncode


def _ask(port: int) -> str:
    body = {"model": "smollm2", "input": "Say hello.", "max_output_tokens": 8}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/responses",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = json.load(answer)["output"][0]["content"][0]["text"]
        return text


def _raise_loopback() -> None:
    """A new network space has nothing but a loopback device that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


class _Stage:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.image = Image(str(self.root), {"PATH": _SYSTEM_PATH, "HOME": "/root"})
        self._arguments: dict[str, str] = {}
        for name in ("root", "upper", "work"):
            (folder / name).mkdir(parents=True)
        layers = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
        _mount("-t", "overlay", "overlay", "-o", layers, f"{self.root}")
        _mount("-t", "proc", "proc", f"{self.root}/proc")
        _mount("--rbind", "/dev", f"{self.root}/dev")
        # Nothing may come from the checkout but what COPY takes.
        _mount("-t", "tmpfs", "tmpfs", f"{self.root}{PROJECT}")
        self._stand_in_for_base()

    def _stand_in_for_base(self) -> None:
        """`python` where the base image has it, and one that every user can run."""
        python = shutil.which("python3", path="/usr/bin:/bin")
        if python is None:
            raise FileNotFoundError("/usr/bin/python3, to stand for the base image's")
        for name in ("python", "python3"):
            link = self.root / "usr/local/bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(python)

    def apply(self, instruction: Instruction, stages: dict[str, "_Stage"]) -> None:
        image = self.image
        match instruction.name:
            case "ARG":
                self._arguments.update(parse_assignments(instruction))
            case "ENV":
                values = parse_assignments(instruction)
                image.environment.update({name: self._expand(value) for name, value in values.items()})
            case "WORKDIR":
                image.workdir = str(image.workdir / PurePosixPath(instruction.text))
                self._inside(image.workdir).mkdir(parents=True, exist_ok=True)
            case "COPY" if "from" in instruction.flags:
                source, target = instruction.words
                origin = stages[instruction.flags["from"]]
                shutil.copytree(origin._inside(source), self._inside(target), symlinks=True)
            case "COPY":
                self._copy_from_project(*instruction.words)
            case "RUN":
                self._run(instruction.text)
            case "USER":
                image.user = instruction.text
            case "EXPOSE":
                image.port = int(instruction.text)
            case "STOPSIGNAL":
                image.stop_signal = instruction.text
            case "HEALTHCHECK":
                image.health = json.loads(instruction.text.removeprefix("CMD"))
            case "ENTRYPOINT":
                image.entrypoint = instruction.words
            case "CMD":
                image.command = instruction.words
            case other:
                raise NotImplementedError(other)

    def _expand(self, text: str) -> str:
        return expand(text, {**self._arguments, **self.image.environment})

    def _inside(self, path: str) -> Path:
        return self.root / (PurePosixPath(self.image.workdir) / path).relative_to("/")

    def _copy_from_project(self, *words: str) -> None:
        *sources, last = words
        target = self._inside(last)
        for source in sources:
            if (PROJECT / source).is_dir():
                shutil.copytree(PROJECT / source, target, ignore=_ignored, dirs_exist_ok=True)
                continue
            place = target / source if last.endswith("/") else target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / source, place)

    def _run(self, text: str) -> None:
        result = subprocess.run(
            ["chroot", str(self.root), "/bin/sh", "-ec", f"cd {self.image.workdir}; {text}"],
            env={**self._arguments, **self.image.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            _say(result.stdout)
            raise subprocess.CalledProcessError(result.returncode, f"RUN {text}")


def _ignored(folder: str, names: list[str]) -> set[str]:
    dockerignore = (PROJECT / ".dockerignore").read_text()
    place = PurePosixPath(Path(folder).relative_to(PROJECT))
    return {name for name in names if is_ignored(place / name, dockerignore)}


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _self(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.support.replay_dockerfile", *arguments]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
