"""docs/deploying.md: what it shows can be read by whoever it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command import ROOT

PAGE = (ROOT / "docs" / "deploying.md").read_text()


def block(language: str, holding: str) -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    [text] = [text for text in found if holding in text]
    return text


def grace_seconds() -> float:
    """The longest that an end takes by default, as docs/operations.md has it."""
    [seconds] = re.findall(r"11 seconds, (\d+) by default", (ROOT / "docs" / "operations.md").read_text())
    return float(seconds)


def test_kubernetes() -> None:
    deployment: Any = yaml.safe_load(block("yaml", "kind: Deployment"))
    pod = deployment["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > grace_seconds()
    [sidecar] = pod["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert {mount["name"] for mount in sidecar["volumeMounts"]} == volumes
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert str(pod["securityContext"]["runAsUser"]) in dockerfile
    assert {mount["mountPath"] for mount in sidecar["volumeMounts"]} >= {"/etc/dragoman", "/var/lib/dragoman"}


def test_compose() -> None:
    service: Any = yaml.safe_load(block("yaml", "services:"))["services"]["dragoman"]
    assert int(service["stop_grace_period"].removesuffix("s")) > grace_seconds()


def test_systemd(tmp_path: Path) -> None:
    unit = block("ini", "ExecStart")
    [seconds] = re.findall(r"TimeoutStopSec=(\d+)", unit)
    assert int(seconds) > grace_seconds()
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here")
    file = tmp_path / "dragoman.service"
    file.write_text(unit.replace("/opt/dragoman/bin/dragoman", "/bin/true"))
    told = subprocess.run([analyze, "verify", str(file)], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")


def test_nginx(tmp_path: Path) -> None:
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("nginx is not here")
    places = "".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = tmp_path / "nginx.conf"
    head = f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}} http {{ access_log off; {places}\n"
    file.write_text(f"{head}{block('nginx', 'upstream')}}}\n")
    told = subprocess.run(
        [nginx, "-t", "-p", str(tmp_path), "-c", str(file)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr


def test_haproxy(tmp_path: Path) -> None:
    haproxy = shutil.which("haproxy")
    if haproxy is None:
        pytest.skip("HAProxy is not here")
    file = tmp_path / "haproxy.cfg"
    file.write_text(block("haproxy", "backend"))
    told = subprocess.run([haproxy, "-c", "-f", str(file)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
