"""What more ranks bring a recipe: measured here, fitted, and predicted for a cluster."""

from __future__ import annotations

import json
import statistics
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from landweave.atomic import locked, write_text
from landweave.config import Config, load
from landweave.errors import ConfigError, TaskError
from landweave.jobs.run import Progress
from landweave.parallel import cost
from landweave.parallel.cost import Cluster, Costs, Link, Load, Timed, Unknown
from landweave.parallel.launch import STOPPED, command, here
from landweave.patches.archive import open_archive
from landweave.provenance import record
from landweave.recipe import material as materials
from landweave.recipe import measure
from landweave.recipe.measure import Measured
from landweave.recipe.recipe import TrainRecipe
from landweave.report import scaling
from landweave.report.material import Point
from landweave.report.scaling import efficiencies
from landweave.train.log import read_log

FORMAT = 1
RESULT, FIGURE = "scale.json", "scale.svg"
# Lines of what ranks said that an error repeats.
_TAIL = 12


class ScaleJob(Config):
    """What `landweave scale` does."""

    recipe: Path
    """The recipe to measure."""
    sets: tuple[str, ...] = ()
    """Overrides of its keys."""
    ranks: tuple[int, ...] = Field(default=(1, 2), min_length=1)
    """Numbers of ranks to measure on this machine."""
    threads: int = Field(default=1, ge=1)
    """Of each rank, the same for any number."""
    steps: int = Field(default=10, ge=1)
    """Steps to measure, of each kind."""
    epochs: int = Field(default=1, ge=0)
    """Epochs of the training that gives F1 at each number of ranks; 0 leaves it away."""
    device: str = "auto"
    """auto, cpu or cuda."""
    cluster: Path | None = None
    """The TOML of a cluster to predict for."""


@dataclass(frozen=True)
class Scaling:
    """What was found.

    Attributes:
        measured: A point for each number of ranks that was measured.
        fitted: The same numbers of ranks by the model.
        predicted: For the cluster; empty where none was described.
        costs: The model, as fitted here.
        epoch_samples: Training samples of an epoch.
        cluster: Name of the cluster.
    """

    measured: tuple[Point, ...]
    fitted: tuple[Point, ...]
    predicted: tuple[Point, ...]
    costs: Costs
    epoch_samples: int
    cluster: str = ""


def run(job: ScaleJob, out: Path) -> Generator[Progress]:
    """Measure `job.recipe` at every number of ranks that `out` lacks, then write `out`/scale.json and scale.svg.

    Measurements that other launchers added (`landweave scale --measure` under torchrun or srun) count as well.

    Raises:
        ConfigError: `out` holds measurements of another recipe.
        TaskError: Ranks failed.
    """
    recipe = load(TrainRecipe, job.recipe, job.sets)
    cluster = load(Cluster, job.cluster) if job.cluster else None
    material = materials.find(recipe, open_archive(recipe.archive))
    identity = measure.identify(recipe, material.identity)
    with locked(out):
        _check(out, identity)
        for done, num in enumerate(job.ranks):
            yield Progress("measure", done, len(job.ranks), "worlds")
            if not (out / f"measured-{num}.json").exists():
                _start(job, out, num, ["scale", "-o", str(out), "--measure", "--steps", str(job.steps)])
        yield Progress("measure", len(job.ranks), len(job.ranks), "worlds")
        for done, num in enumerate(job.ranks if job.epochs else ()):
            yield Progress("train", done, len(job.ranks), "runs")
            _start(job, out, num, ["train", "-o", str(_run_folder(job, out, num)), "--set", f"epochs={job.epochs}"])
        found = judge(measure.load_all(out), recipe, len(material.train), cluster)
        found = replace(found, measured=tuple(_with_f1(job, out, point) for point in found.measured))
        write(out, found, job)
    yield Progress("scale", 1, 1, "figures")


def _check(out: Path, identity: str) -> None:
    for found in measure.load_all(out):
        if found.identity != identity:
            raise ConfigError(
                f"{out}, where another recipe or archive was measured",
                "an empty folder, or that of the same recipe and archive",
                "choose another output with -o, or remove its measured-*.json",
            )


def _start(job: ScaleJob, out: Path, num: int, words: list[str]) -> None:
    """Run a command of ours on `num` ranks here.

    Raises:
        TaskError: It fails.
        SystemExit: It was asked to stop.
    """
    verb, *rest = words
    sets = [word for text in job.sets for word in ("--set", text)]
    log = out / f"{verb}-{num}.txt"
    # What the command line says last wins, so that the epochs of this job stand behind the recipe's.
    code = here([command(), verb, str(job.recipe), "--device", job.device, *sets, *rest], num, job.threads, log)
    if code == STOPPED:
        raise SystemExit(STOPPED)
    if code:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_TAIL:]
        raise TaskError(
            f"{verb} on {num} ranks that ended with code {code}: " + "\n".join(said),
            "all ranks to end well",
            f"mend what {log} says and run the same command again: what is measured is kept",
        )


def _run_folder(job: ScaleJob, out: Path, num: int) -> Path:
    return out / f"run-{num}-epochs-{job.epochs}"


def _with_f1(job: ScaleJob, out: Path, point: Point) -> Point:
    """`point` with the best F1 of the run on as many ranks, where there is one."""
    epochs = [line["figures"] for line in read_log(_run_folder(job, out, point.ranks)) if line["kind"] == "epoch"]
    found = [figures.get("micro_f1", figures.get("macro_f1")) for figures in epochs]
    known = [value for value in found if value is not None]
    return replace(point, f1=max(known)) if known else point


def judge(every: Sequence[Measured], recipe: TrainRecipe, epoch_samples: int, cluster: Cluster | None) -> Scaling:
    """What follows from `every` measurement, and for `cluster`."""
    costs = fit(every)
    loads = {found.num_ranks: _load(found) for found in every}
    measured = tuple(
        Point(
            found.num_ranks,
            found.samples_per_s,
            # What is left of the step, so that the parts are the whole whatever noise is in them.
            found.step_s - found.communication_s - found.waiting_s,
            found.communication_s,
            found.waiting_s,
        )
        for found in every
    )
    fitted = tuple(_point(costs, load, num) for num, load in loads.items())
    if cluster is None:
        return Scaling(measured, fitted, (), costs, epoch_samples)
    there, last = cost.on_cluster(costs, cluster), every[-1]
    predicted = tuple(
        _point(there, replace(_load(last), samples=recipe.samples_per_step(num) / num), num)
        for num in (nodes * cluster.ranks_per_node for nodes in cluster.nodes)
    )
    # Links alone do not make a faster machine: a figure of this one's speed must not pass for the cluster's.
    name = cluster.name if cluster.samples_per_s else f"{cluster.name}, each rank as fast as here"
    return Scaling(measured, fitted, predicted, costs, epoch_samples, name)


def fit(every: Sequence[Measured]) -> Costs:
    """The cost model of this machine, all of whose ranks are on one node."""
    costs = Costs(
        input_per_sample_s=statistics.median(found.input_s / found.samples for found in every),
        ranks_per_node=max(found.num_ranks for found in every),
    )
    computed = [Timed(1, Load(found.samples), found.compute_s) for found in every]
    several = len({found.samples for found in every}) > 1
    names: tuple[Unknown, ...] = ("per_step_s", "per_sample_s") if several else ("per_sample_s",)
    costs = cost.fit(computed, names, costs)
    sums = [
        Timed(found.num_ranks, Load(0, size), seconds)
        for found in every
        for size, seconds in found.sums
        if found.num_ranks > 1
    ]
    if not sums:
        return costs
    costs = cost.fit(sums, ("within.latency_s", "within.s_per_byte"), costs)
    alone_s = sum(cost.all_reduce_s(_load(found), found.num_ranks, costs) for found in every)
    exposed_s = sum(found.communication_s for found in every if found.num_ranks > 1)
    return replace(costs, overlap=max(0.0, 1 - exposed_s / alone_s) if alone_s else 0.0)


def _load(found: Measured) -> Load:
    return Load(found.samples, found.num_bytes, found.messages)


def _point(costs: Costs, load: Load, num: int) -> Point:
    step = cost.predict(costs, load, num)
    return Point(num, num * load.samples / step.total_s, step.compute_s, step.exposed_s, step.input_s)


def write(out: Path, found: Scaling, job: ScaleJob) -> None:
    """Write `out`/scale.json and `out`/scale.svg."""
    told: dict[str, Any] = {
        **record("scale", job.model_dump(mode="json")),
        "measured": [_told(point) for point in found.measured],
        "fitted": [_told(point) for point in found.fitted],
        "predicted": [_told(point) for point in found.predicted],
        "efficiency": list(efficiencies(found.measured)),
        "costs": asdict(found.costs),
        "epoch_samples": found.epoch_samples,
        "cluster": found.cluster,
    }
    write_text(out / RESULT, json.dumps(told, indent=1, sort_keys=True) + "\n")
    write_text(out / FIGURE, scaling.draw(found.measured, found.predicted, found.cluster))


def _told(point: Point) -> dict[str, Any]:
    return {**asdict(point), "step_s": point.step_s}


def read(out: Path) -> Scaling:
    """What `write` wrote."""
    told = json.loads((out / RESULT).read_text(encoding="utf-8"))
    points = [tuple(_point_of(values) for values in told[name]) for name in ("measured", "fitted", "predicted")]
    within, between = (Link(**told["costs"].pop(name)) for name in ("within", "between"))
    costs = Costs(**told["costs"], within=within, between=between)
    return Scaling(points[0], points[1], points[2], costs, told["epoch_samples"], told["cluster"])


def _point_of(values: dict[str, Any]) -> Point:
    return Point(**{name: value for name, value in values.items() if name != "step_s"})


def lines(found: Scaling) -> list[str]:
    """What was found as lines of text."""
    head = f"{'ranks':>6} {'samples/s':>10} {'efficiency':>10} {'step':>9} {'compute':>8} {'comm.':>6} {'input':>6}"
    text = ["measured here", f"{head} {'model':>9} {'F1':>6}"]
    rows = zip(found.measured, efficiencies(found.measured), found.fitted, strict=True)
    for point, share, model in rows:
        f1 = "-" if point.f1 is None else f"{point.f1:.3f}"
        text.append(f"{_line(point, share)} {_seconds(model.step_s):>9} {f1:>6}")
    if found.predicted:
        text += ["", f"predicted for {found.cluster}", f"{head} {'epoch':>9}"]
        for point, share in zip(found.predicted, efficiencies(found.predicted), strict=True):
            text.append(f"{_line(point, share)} {_seconds(found.epoch_samples / point.samples_per_s):>9}")
    return text


def _line(point: Point, share: float) -> str:
    parts = (point.compute_s, point.communication_s, point.waiting_s)
    shares = " ".join(f"{100 * part / point.step_s:>{width}.0f}%" for part, width in zip(parts, (7, 5, 5), strict=True))
    return f"{point.ranks:>6} {point.samples_per_s:>10.1f} {100 * share:>9.1f}% {_seconds(point.step_s):>9} {shares}"


def _seconds(value: float) -> str:
    return f"{1000 * value:.1f} ms" if value < 1 else f"{value:.2f} s"
