"""The whole way in one function, from simulated scenes to a report. It composes the rooms and computes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landweave.atomic import locked, sweep, write_text
from landweave.errors import OutputError
from landweave.evaluation import maps as evaluation
from landweave.evaluation.result import read_evaluation
from landweave.evaluation.truth import pair
from landweave.jobs.executor import Executor
from landweave.jobs.pool import Pool
from landweave.jobs.run import Progress
from landweave.jobs.serial import Serial
from landweave.jobs.worker import Setup, num_cores
from landweave.legend import legend
from landweave.mapping import job as mapping
from landweave.mapping.prepare import MapJob
from landweave.parallel.world import make_world
from landweave.patches import job as patches
from landweave.patches.archive import open_archive
from landweave.patches.plan import PatchJob
from landweave.provenance import fingerprint, version, versions
from landweave.raster.catalog import read_catalog
from landweave.raster.collect import CatalogJob, collect
from landweave.recipe import run as training
from landweave.recipe.folder import CARD
from landweave.recipe.recipe import TrainRecipe
from landweave.report import page
from landweave.report.gather import gather
from landweave.report.runs import title_of
from landweave.simulate.world import World, load_world, truth_dates
from landweave.simulate.write import write

FORMAT = 1
STAGES, SUMMARY, PAGE = "stages.json", "summary.json", "report.html"
WORLD = "world"
MAIN = "unet"
BASELINES = ("linear", "forest")
# Single patches as blocks: the more blocks of test land, the narrower the confidence interval.
PATCHES = PatchJob(patch_px=96, block_patches=1, gap_px=12)
# Calibrated on demo-1 so that a machine with two cores is done in time; docs/numbers.md says what they reach.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "linear": {"arguments": {"num_samples": 50_000}},
    "forest": {"arguments": {"num_samples": 50_000, "num_trees": 60, "window_px": 1}},
    "unet": {
        "arguments": {"width": 16},
        "epochs": 100,
        "batch_global": 8,
        "optimiser": {"rate": 2e-3},
        "schedule": {"warmup_epochs": 1.0},
    },
}


@dataclass(frozen=True)
class Stage:
    """One step of the demo: a name, and what makes its records. Running it twice does no harm."""

    name: str
    run: Callable[[], Iterable[Any]]


def run(folder: Path, world: str = "demo-1") -> Iterator[Any]:
    """Show the whole way in `folder`, and give records of how it goes; run again it goes on where it was stopped.

    It ends with report.html and summary.json.

    Raises:
        LandweaveError: The folder cannot be written, is in use or holds something else.
    """
    yield from Demo(folder, load_world(world)).records()


@dataclass(frozen=True)
class Demo:
    """The stages of a demo of `world` in `folder`; each is what the command of its name does."""

    folder: Path
    world: World
    patches: PatchJob = PATCHES
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: RECIPES)

    def records(self) -> Iterator[Any]:
        """Run what is not done yet."""
        told = {"world": self.world.model_dump(mode="json"), "patches": self.patches.model_dump(mode="json")}
        identity = {"world": self.world.name, "version": version(), "job": fingerprint({**told, "r": self.recipes})}
        yield from perform(self.stages(), self.folder, identity)

    @property
    def catalog(self) -> Path:
        """The catalog of its scenes."""
        return self.folder / "catalog.parquet"

    @property
    def truth(self) -> Path:
        """The truth of the year of its scenes."""
        return self.folder / WORLD / "truth" / f"{truth_dates(self.world)[-1].year}.tif"

    def stages(self) -> Iterator[Stage]:
        """All that is done, in order."""
        yield Stage("simulate", lambda: write(self.world, self.folder / WORLD, _executor()))
        yield Stage("catalog", self._catalog)
        yield Stage("patch", self._patch)
        # Baselines first: they are quick, and the bar of the network then stands alone.
        for network in (*BASELINES, MAIN):
            yield Stage(f"train {network}", lambda network=network: self._train(network))  # type: ignore[misc]
        for network in (*BASELINES, MAIN):
            yield Stage(f"map {network}", lambda network=network: self._map(network))  # type: ignore[misc]
        for network in (*BASELINES, MAIN):
            yield Stage(f"evaluate {network}", lambda network=network: self._evaluate(network))  # type: ignore[misc]
        yield Stage("report", self._report)

    def _catalog(self) -> Iterator[Progress]:
        found = collect(CatalogJob(sources=[str(self.folder / WORLD / "scenes")]), self.catalog)
        yield Progress("catalog", len(found.scenes), len(found.scenes), "scenes")

    def _patch(self) -> Iterator[Progress]:
        scenes, out = read_catalog(self.catalog), self.folder / "archive"
        # One small scene is cut before worker processes would have started.
        yield from patches.run(self.patches, scenes, self.truth, legend("simulated-8"), out, executor=Serial())

    def _train(self, network: str) -> Iterator[Any]:
        recipe = TrainRecipe(archive=self.folder / "archive", network=network, **self.recipes[network])
        with make_world("cpu") as ranks:
            yield from training.run(recipe, self.folder / _named("run", network), ranks)

    def _map(self, network: str) -> Iterator[Progress]:
        card = self.folder / _named("run", network) / CARD
        yield from mapping.run(MapJob(card=card, scenes=self.catalog), self.folder / _named("map", network))

    def _evaluate(self, network: str) -> Iterator[Progress]:
        out, judged = self.folder / _named("evaluation", network), self.folder / _named("map", network) / "map.tif"
        archive, both = open_archive(self.folder / "archive"), pair(judged, self.truth)
        told = {"map": judged, "truth": self.truth, "archive": archive.folder}
        # Relative to the evaluation, so that the demo's folder can be moved.
        configuration = {name: os.path.relpath(path, out) for name, path in told.items()}
        found = yield from evaluation.compare_part(both, archive, "test", title_of(network))
        found.write(out, {**configuration, "split": "test"})

    def _report(self) -> Iterator[Progress]:
        yield Progress("report", 0, 2, "files")
        write_text(self.folder / SUMMARY, json.dumps(self._summary(), indent=1) + "\n")
        yield Progress("report", 1, 2, "files")
        title = f"Land-cover map of the simulated world {self.world.name}"
        page.write(gather([self.folder], title, title_of(MAIN)), self.folder / PAGE)
        yield Progress("report", 2, 2, "files")

    def _summary(self) -> dict[str, Any]:
        overall = {network: self._overall(network) for network in (MAIN, *BASELINES)}
        mapped = json.loads((self.folder / "map" / "summary.json").read_text(encoding="utf-8"))
        seconds = seconds_of(self.folder)
        return {
            "format": FORMAT,
            "kind": "demo",
            "world": self.world.name,
            "overall_accuracy": overall[MAIN],
            "baselines": {network: overall[network] for network in BASELINES},
            "mpx_per_s": mapped["mpx_per_s"],
            "seconds": {**seconds, "total": round(sum(seconds.values()), 2)},
            "report": PAGE,
            "versions": versions(),
        }

    def _overall(self, network: str) -> dict[str, float]:
        figures: dict[str, float] = read_evaluation(self.folder / _named("evaluation", network))["overall"]
        return {name: figures[name] for name in ("value", "low", "high")}


def read_summary(folder: Path) -> dict[str, Any]:
    """What summary.json of a demo says.

    Raises:
        OutputError: There is none, or it is damaged.
    """
    path = folder / SUMMARY
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: {error}", "the summary of a demo", "run landweave demo again") from error
    return content


def _named(what: str, network: str) -> str:
    """The folder of a stage: "map" for the main network, "map-forest" for a baseline."""
    return what if network == MAIN else f"{what}-{network}"


def _executor() -> Executor:
    """Worker processes on all cores."""
    cores = num_cores()
    return Pool(cores, Setup(threads=1)) if cores > 1 else Serial()


def perform(stages: Iterable[Stage], folder: Path, identity: Mapping[str, Any]) -> Iterator[Any]:
    """Run the stages that `folder` lacks, one after the other, and give their records.

    What each took is kept in stages.json, so that a demo that was stopped goes on with the stage it was in.

    Raises:
        OutputError: The folder holds a demo of another version or world, or something else.
    """
    with locked(folder):
        # What a killed demo left under temporary names.
        sweep(folder)
        done = _done(folder, identity)
        for stage in stages:
            if stage.name in done:
                yield Progress(stage.name, 1, 1, "done before")
                continue
            began = time.monotonic()
            for record in stage.run():
                yield dataclasses.replace(record, phase=_phase(stage.name, record.phase))
            done[stage.name] = round(time.monotonic() - began, 2)
            content = {"format": FORMAT, "identity": dict(identity), "seconds": done}
            write_text(folder / STAGES, json.dumps(content, indent=1) + "\n")


def _phase(stage: str, phase: str) -> str:
    """What to call a phase: the stage alone where it says it already, so that bars of several trainings differ."""
    return stage if phase in stage.split() else f"{stage}: {phase}"


def seconds_of(folder: Path) -> dict[str, float]:
    """What each stage took, by name."""
    found: dict[str, float] = json.loads((folder / STAGES).read_text(encoding="utf-8"))["seconds"]
    return found


def _done(folder: Path, identity: Mapping[str, Any]) -> dict[str, float]:
    path = folder / STAGES
    if not path.is_file():
        # A demo that was stopped in its first stage has a part of its world, and nothing else.
        if others := sorted(entry.name for entry in folder.iterdir() if entry.name[0] != "." and entry.name != WORLD):
            raise OutputError(f"{folder}, which holds {others[0]}", "an empty folder, or that of a demo", _ELSEWHERE)
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        told, seconds = content["identity"], dict(content["seconds"])
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path}: {error}", "a demo's own list of stages", _ELSEWHERE) from error
    if told != dict(identity):
        raise OutputError(f"{folder}, which holds the demo {_words(told)}", f"the demo {_words(identity)}", _ELSEWHERE)
    return seconds


def _words(identity: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {str(value)[:12]}" for name, value in identity.items())


_ELSEWHERE = "choose another folder with -o, or remove this one"
