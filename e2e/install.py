"""The clients' own environments, made once from the lock files and made anew when those change."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent


class NotInstallable(Exception):
    """What a group of clients needs is not on this machine; the message says what."""


def requirements(group: str) -> Path:
    """What a group of Python clients is pinned to; its lock file has the suffix `.txt`."""
    return HERE / ("requirements.in" if group == "python" else f"{group}.in")


def python_environment(folder: Path, lock: Path) -> Path:
    """The interpreter of a virtual environment with the locked requirements."""
    python = folder / "bin" / "python"
    if not _is_current(folder, lock):
        _say(f"Installing {lock.name} into {folder} ...")
        venv.create(folder, clear=True, with_pip=True)
        install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input", "--no-deps"]
        subprocess.run([*install, "--no-compile", "--require-hashes", "-r", str(lock)], check=True)
        _mark(folder, lock)
    return python


def modules(group: str) -> Path:
    """Where a group of clients from npm has its `package.json` and lock file."""
    return HERE / ("js-opencode" if group == "opencode" else "js")


def node_environment(folder: Path, source: Path) -> Path:
    """A folder with `node_modules` and the JavaScript drivers of `source` beside them. Raises NotInstallable.

    Without a lock file, `package.json` itself pins what is installed: OpenCode is one program that comes in a package
    for each platform, and npm locks only those that it finds from where it runs.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotInstallable("Node.js with npm is not installed")
    wanted = source / "package.json"
    lock = source / "package-lock.json"
    pinned = lock if lock.is_file() else wanted
    if not _is_current(folder, pinned):
        _say(f"Installing {source.name}/{pinned.name} into {folder} ...")
        folder.mkdir(parents=True, exist_ok=True)
        for file in {wanted, pinned}:
            shutil.copy(file, folder)
        way = ["ci"] if pinned is lock else ["install", "--no-package-lock"]
        subprocess.run([npm, *way, "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
        _mark(folder, pinned)
    for driver in source.glob("*.mjs"):
        shutil.copy(driver, folder)  # modules are looked for beside the file that imports them
    return folder


def _is_current(folder: Path, lock: Path) -> bool:
    stamp = folder / ".installed"
    return stamp.is_file() and stamp.read_text() == _digest(lock)


def _mark(folder: Path, lock: Path) -> None:
    (folder / ".installed").write_text(_digest(lock))


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
