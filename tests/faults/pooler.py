"""`running_pooler`: a PgBouncer in transaction mode in front of a PostgreSQL, for the length of a `with`."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.ports import free_ports
from tests.support.postgres import PostgresServer, unprivileged_user

_SETTINGS = """[databases]
* = host=127.0.0.1 port={postgres} user=dragoman
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


def find_pooler() -> str | None:
    return shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")


@contextlib.contextmanager
def running_pooler(program: str, postgres: PostgresServer) -> Iterator[int]:
    """Its port. Three connections to the server serve all of its clients, one transaction each."""
    folder = Path(tempfile.mkdtemp(prefix="dragoman-pooler-"))
    user = unprivileged_user()
    (port,) = free_ports(1)
    (folder / "pgbouncer.ini").write_text(_SETTINGS.format(postgres=postgres.port, port=port, folder=folder))
    folder.chmod(0o755)
    if user is not None:
        shutil.chown(folder, user)
    process = subprocess.Popen(
        [program, str(folder / "pgbouncer.ini")],
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "process up" in line:
                break
        else:
            raise AssertionError("PgBouncer did not start")
        yield port
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)
