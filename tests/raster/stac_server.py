"""A STAC API on loopback: stac-fastapi-pgstac on a PostgreSQL with PostGIS that lives as long as the test."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

_START_S = 60


@contextlib.contextmanager
def running(collection: dict[str, Any], items: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Give the address of a STAC API that holds `items`."""
    with postgres() as settings:
        _load(settings, collection, items)
        port = _free_port()
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "--factory",
            "stac_fastapi.pgstac.app:create_app",
            "--port",
            str(port),
        ]
        with _process([*command, "--log-level", "warning"], {**os.environ, **settings}) as server:
            url = f"http://127.0.0.1:{port}"
            _wait(lambda: httpx.get(url).status_code == 200, server)
            yield url


@contextlib.contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """Settings of a fresh database. PostgreSQL refuses root: there it runs as the user that Debian made for it."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="landweave-postgres-", dir="/tmp"))
    prefix: list[str] = []
    user = pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0:
        user = "postgres"
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, user, user)
    port = str(_free_port())
    data = str(folder / "data")
    try:
        initdb = [*prefix, str(programs / "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"]
        subprocess.run([*initdb, "--encoding=UTF8", "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/")
        options = ["-p", port, "-c", "listen_addresses=127.0.0.1", "-k", str(folder), "-c", "fsync=off"]
        with _process([*prefix, str(programs / "postgres"), "-D", data, *options], dict(os.environ)) as server:
            ready = [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", port]
            _wait(lambda: subprocess.run(ready, check=False, capture_output=True).returncode == 0, server)
            yield {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "postgres", "PGPASSWORD": "any",
                   "PGDATABASE": "postgres"}  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _load(settings: dict[str, str], collection: dict[str, Any], items: Sequence[dict[str, Any]]) -> None:
    environment = {**os.environ, **settings}
    pypgstac = [sys.executable, "-m", "pypgstac.pypgstac"]
    subprocess.run([*pypgstac, "migrate"], env=environment, check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        for kind, values in (("collections", [collection]), ("items", items)):
            path = Path(folder) / f"{kind}.ndjson"
            path.write_text("".join(json.dumps(value) + "\n" for value in values))
            subprocess.run([*pypgstac, "load", kind, str(path)], env=environment, check=True, capture_output=True)


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is asked to end with the block, as PostgreSQL understands it."""
    with subprocess.Popen(
        command, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(ready: Any, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended: {process.communicate()[0].decode()}")
        with contextlib.suppress(httpx.TransportError):
            if ready():
                return
        time.sleep(0.2)
    raise TimeoutError(f"{process.args} did not answer within {_START_S} s")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
