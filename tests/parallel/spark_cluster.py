"""A standalone Spark cluster on loopback: a master and two workers of one core, started with what pyspark brings."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyspark

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def cluster(folder: Path, num_workers: int = 2) -> Iterator[str]:
    """The address of a master whose workers wait; all end with the block."""
    home = Path(pyspark.__file__).parent
    port = free_port()
    environment = {**os.environ, "SPARK_LOCAL_IP": HOST, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *words: str) -> None:
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--host", HOST, *words]
        log = (folder / f"{len(started)}.log").open("wb")
        started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=folder))

    try:
        start("master.Master", "--port", str(port), "--webui-port", str(free_port()))
        address = f"spark://{HOST}:{port}"
        for place in range(num_workers):
            web = ["--webui-port", str(free_port()), "--work-dir", str(folder / f"work-{place}")]
            start("worker.Worker", "--cores", "1", "--memory", "1g", *web, address)
        deadline = time.monotonic() + 90
        while (folder / "0.log").read_bytes().count(b"Registering worker") < num_workers:
            assert time.monotonic() < deadline, (folder / "0.log").read_text()[-2000:]
            time.sleep(0.1)
        yield address
    finally:
        for process in started:
            process.kill()
            process.wait()
