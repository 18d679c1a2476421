"""The address of a Spark cluster: what it tells by itself, and whether somebody answers there."""

from __future__ import annotations

import re
import socket

from landweave.errors import ConfigError, TaskError
from landweave.jobs.worker import num_cores

_CONNECT_S = 5.0
_LOCAL = re.compile(r"local(?:\[(?P<slots>\d+|\*)(?:,\s*\d+)?\])?")
_LOCAL_CLUSTER = re.compile(r"local-cluster\[\s*(?P<executors>\d+)\s*,\s*(?P<cores>\d+)\s*,\s*\d+\s*\]")
_STANDALONE = re.compile(r"spark://(?P<hosts>[^:,/\s]+:\d+(?:,[^:,/\s]+:\d+)*)")
_OTHERS = re.compile(r"k8s://.+|yarn")


def check_master(master: str) -> None:
    """Refuse what Spark would not understand.

    Raises:
        ConfigError: `master` has none of Spark's forms.
    """
    if not any(form.fullmatch(master) for form in (_LOCAL, _LOCAL_CLUSTER, _STANDALONE, _OTHERS)):
        raise ConfigError(
            f"Spark master {master!r}",
            "spark://HOST:PORT, local[CORES], local[*], local-cluster[EXECUTORS,CORES,MEMORY_MB], yarn or k8s://...",
            "give --master as the page of the cluster's master shows it, for example spark://host:7077",
        )


def is_local(master: str) -> bool:
    """Whether Spark runs tasks below this very process, as local and local[N] say."""
    return _LOCAL.fullmatch(master) is not None


def is_here(master: str) -> bool:
    """Whether all of the cluster is on this machine, so that nothing need listen to others."""
    return master.startswith(("local", "spark://127.0.0.1:", "spark://localhost:"))


def workers_told(master: str, cores_per_worker: int) -> int | None:
    """How many workers run at once, as the address tells; None where only the cluster knows."""
    if local := _LOCAL.fullmatch(master):
        slots = local["slots"] or "1"
        return num_cores() if slots == "*" else int(slots)
    if cluster := _LOCAL_CLUSTER.fullmatch(master):
        return int(cluster["executors"]) * max(int(cluster["cores"]) // cores_per_worker, 1)
    return None


def must_answer(master: str) -> None:
    """Of a standalone cluster one master at least must take a connection: Spark itself would try for a minute.

    Raises:
        TaskError: None does.
    """
    standalone = _STANDALONE.fullmatch(master)
    if not standalone:
        return
    causes = []
    for address in standalone["hosts"].split(","):
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=_CONNECT_S):
                return
        except (OSError, OverflowError) as error:
            causes.append(f"{address}: {error}")
    raise unreachable(master, "; ".join(causes))


def unreachable(master: str, cause: str) -> TaskError:
    """The error of a master that cannot be reached."""
    return TaskError(
        f"Spark master {master}, which cannot be reached: {cause}",
        "a master that runs and takes applications from this machine",
        "check the address and the firewall, or start one: docs/verbs/cluster.md says how in ten lines",
    )
