"""The options that say what runs the tasks of a job: the same for every verb that has tasks."""

from __future__ import annotations

import functools
import inspect
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from landweave.jobs.executor import Executor
    from landweave.jobs.worker import Setup

_MACHINE, _SPARK = "The machine", "Apache Spark, with --executor spark"
_NAMES = ("serial", "pool", "spark")


@dataclass(frozen=True)
class Machine:
    """What was asked for, as the options of `with_machine`."""

    executor: str | None = None
    workers: int | None = None
    threads: int | None = None
    gdal_cache: int = 256
    memory_limit: int | None = None
    tickets_per_gpu: int | None = None
    retry_failed: bool = False
    master: str | None = None
    gpus_per_worker: float = 0.0
    patience: float = 120.0
    spark_set: tuple[str, ...] = ()

    def begin(self, out: Path, in_flight: int = 1) -> Executor:
        """What runs the job in `out`; with --retry-failed its tasks that were set aside are taken up again.

        Args:
            out: The job's folder.
            in_flight: Tasks at once where this process alone runs them.

        Raises:
            ConfigError: Options contradict each other.
            OutputError: The folder is in use.
        """
        from landweave.jobs.ledger import retry_failed
        from landweave.jobs.pool import Pool
        from landweave.jobs.serial import Serial

        name = self._name()
        if self.retry_failed:
            retry_failed(out)
        if name == "spark":
            return self._spark()
        workers = self.workers or 1
        setup = self._setup(workers)
        return Pool(workers, setup) if name == "pool" else Serial(setup, in_flight)

    def _name(self) -> str:
        from landweave.config import nearest
        from landweave.errors import ConfigError

        name = self.executor or ("pool" if (self.workers or 1) > 1 else "serial")
        if name not in _NAMES:
            raise ConfigError(f"--executor {name}", nearest(name, _NAMES), "choose what runs the tasks")
        for option in ("master", "gpus_per_worker", "spark_set"):
            if getattr(self, option) and name != "spark":
                said = option.replace("_", "-")
                raise ConfigError(
                    f"--{said} with the executor {name}", f"--{said} for Spark only", "add --executor spark"
                )
        if name == "serial" and (self.workers or 1) > 1:
            raise ConfigError(f"--executor serial --workers {self.workers}", "one worker", "use --executor pool")
        if name == "spark" and not self.master:
            raise ConfigError(
                "--executor spark without --master",
                "the cluster's address",
                "add --master spark://host:7077 or local[4]",
            )
        return name

    def _setup(self, workers: int) -> Setup:
        from landweave.jobs.ticket import Tickets
        from landweave.jobs.worker import Setup, num_cores

        folder = Path(tempfile.gettempdir()) / "landweave-gpu-tickets"
        tickets = Tickets(folder, self.tickets_per_gpu) if self.tickets_per_gpu else None
        threads = self.threads or max(num_cores() // workers, 1)
        return Setup(threads, self.gdal_cache, memory_limit_mb=self.memory_limit, tickets=tickets)

    def _spark(self) -> Executor:
        from landweave.errors import ConfigError
        from landweave.jobs.spark import Spark
        from landweave.jobs.worker import num_cores

        master, settings = self.master or "", tuple(tuple(text.split("=", 1)) for text in self.spark_set)
        if any(len(pair) != 2 for pair in settings):
            raise ConfigError(
                f"--spark-set {' '.join(self.spark_set)}", "KEY=VALUE", "write --spark-set spark.executor.memory=4g"
            )
        # How many cores the machines of a cluster have is not known here.
        here = Spark(master, self.workers).num_workers if master.startswith("local[") else num_cores()
        return Spark(
            master, self.workers, self._setup(here), self.gpus_per_worker, self.patience, settings  # type: ignore[arg-type]
        )  # fmt: skip


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "executor": (str | None, typer.Option(help="serial, pool or spark; as --workers says.", rich_help_panel=_MACHINE)),
    "workers": (
        int | None,
        typer.Option(help="Processes; 1 stays in this one, on Spark all.", min=1, rich_help_panel=_MACHINE),
    ),
    "threads": (int | None, typer.Option(help="Of each; cores over workers.", min=1, rich_help_panel=_MACHINE)),
    "gdal_cache": (int, typer.Option(help="GDAL's block cache of each, in MiB.", min=1, rich_help_panel=_MACHINE)),
    "memory_limit": (
        int | None,
        typer.Option(help="Most address space of each, in MiB; what needs more is set aside.", min=1024,
                     rich_help_panel=_MACHINE),
    ),
    "tickets_per_gpu": (
        int | None, typer.Option(help="Workers that may share a GPU, where no scheduler deals them out.", min=1,
                                 rich_help_panel=_MACHINE),
    ),
    "retry_failed": (
        bool, typer.Option("--retry-failed", help="Take up again what was set aside.", rich_help_panel=_MACHINE)
    ),
    "master": (str | None, typer.Option(help="spark://host:7077, local[4], yarn, k8s://...", rich_help_panel=_SPARK)),
    "gpus_per_worker": (
        float, typer.Option(help="Share of a GPU that Spark gives each: 0.25.", min=0, max=1, rich_help_panel=_SPARK)
    ),
    "patience": (
        float, typer.Option(help="Seconds that the job may stand still for want of machines.", min=1,
                            rich_help_panel=_SPARK),
    ),
    "spark_set": (
        list[str] | None, typer.Option(help="Any setting of Spark: spark.executor.memory=4g.", rich_help_panel=_SPARK)
    ),
}  # fmt: skip


def with_machine(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options of `Machine` in place of its parameter `machine`."""
    hints = get_type_hints(verb, include_extras=True)
    signature = inspect.signature(verb)
    own = [p.replace(annotation=hints[p.name]) for p in signature.parameters.values() if p.name != "machine"]
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=_default(name), annotation=Annotated[kind, option]
        )
        for name, (kind, option) in _OPTIONS.items()
    ]

    @functools.wraps(verb)
    def with_options(**values: Any) -> None:
        told = {name: values.pop(name) for name in _OPTIONS}
        told["spark_set"] = tuple(told["spark_set"] or ())
        verb(**values, machine=Machine(**told))

    with_options.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in [*own, *added]}
    return with_options


def _default(name: str) -> Any:
    return None if name == "spark_set" else getattr(Machine(), name)
