"""A standalone Spark cluster on loopback: a master and two workers of one core, started with what pyspark brings."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

HOST = "127.0.0.1"
HOME = Path(pyspark.__file__).parent
# Java that starts quickly rather than runs fast: half the time of a test that runs for seconds.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Cluster:
    """A master and workers as child processes of this one.

    Attributes:
        folder: Where they log and work.
        cores: Of each worker.
        gpus: Numbers of the GPUs that each worker says it has, true or not.
        port: Of the master.
        processes: All that were started, the master first.
    """

    folder: Path
    cores: int = 1
    gpus: tuple[int, ...] = ()
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"spark://{HOST}:{self.port}"

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """Those that still run."""
        return [process for process in self.processes[1:] if process.poll() is None]

    def start(self, num_workers: int) -> None:
        self._start("master.Master", "--port", str(self.port), "--webui-port", str(free_port()))
        for _ in range(num_workers):
            self.add_worker()
        self.wait(num_workers)

    def add_worker(self) -> None:
        web = ["--webui-port", str(free_port()), "--work-dir", str(self.folder / f"work-{len(self.processes)}")]
        self._start("worker.Worker", "--cores", str(self.cores), "--memory", "1g", *web, self.address)

    def wait(self, num_registered: int) -> None:
        """Until as many workers have registered, since the start."""
        deadline = time.monotonic() + 240
        while (self.folder / "0.log").read_bytes().count(b"Registering worker") < num_registered:
            assert time.monotonic() < deadline, (self.folder / "0.log").read_text()[-2000:]
            time.sleep(0.1)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def _discovery(self) -> str:
        """Settings by which a worker finds its GPUs: a script that prints them, as Spark wants it."""
        if not self.gpus:
            return ""
        script = self.folder / "gpus.sh"
        addresses = ", ".join(f'"{number}"' for number in self.gpus)
        script.write_text(f'#!/bin/sh\necho \'{{"name": "gpu", "addresses": [{addresses}]}}\'\n')
        script.chmod(0o755)
        told = {"amount": len(self.gpus), "discoveryScript": script}
        return " ".join(f"-Dspark.worker.resource.gpu.{name}={value}" for name, value in told.items())

    def _start(self, name: str, *words: str) -> None:
        command = [str(HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--host", HOST, *words]
        told = {**os.environ, "SPARK_LOCAL_IP": HOST, "SPARK_HOME": str(HOME), "PYSPARK_PYTHON": sys.executable}
        told["SPARK_WORKER_OPTS"] = self._discovery()
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, env=told, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)
        self.processes.append(process)


@contextlib.contextmanager
def started(folder: Path, num_workers: int = 2, *, gpus: tuple[int, ...] = (), java: str = QUICK) -> Iterator[Cluster]:
    """A master whose workers wait; all end with the block. `java` are options of all Javas, the driver's too."""
    found, before = Cluster(folder, gpus=gpus), os.environ.get("JDK_JAVA_OPTIONS")
    try:
        os.environ["JDK_JAVA_OPTIONS"] = java
        found.start(num_workers)
        yield found
    finally:
        found.stop()
        del os.environ["JDK_JAVA_OPTIONS"]
        if before is not None:
            os.environ["JDK_JAVA_OPTIONS"] = before


@contextlib.contextmanager
def cluster(folder: Path, num_workers: int = 2) -> Iterator[str]:
    """The address of a master whose workers wait; all end with the block."""
    with started(folder, num_workers) as found:
        yield found.address
