"""Make labelled samples of a series from an old map: a job from what was asked for to samples.h5 and a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landweave.datasets.points import Points
from landweave.errors import SampleError
from landweave.jobs.executor import Executor
from landweave.jobs.phases import Phases, held, here
from landweave.jobs.run import Progress
from landweave.provenance import fingerprint
from landweave.raster.write import write_cog
from landweave.series.draws import allot, rate
from landweave.series.labelblocks import BlockTask, FitTask, Order, draw, fit, gather, stable
from landweave.series.labelplan import LabelJob, Prepared, blocks, prepare
from landweave.series.purity import Found, purity, write_purity
from landweave.series.samples import write_samples
from landweave.tiling import Tile

# So many candidates for each pixel that a forest is trained on, and at least so many of a class, that clusters show.
_OVERSAMPLED, _FEWEST = 3, 2000
PURITY = "purity.json"


def folder_of(out: Path) -> Path:
    """The folder of the job whose samples are written to `out`: forests, stable pixels, report and ledger."""
    return out.with_suffix(".labels")


def run(job: LabelJob, out: Path, executor: Executor) -> Iterator[Progress]:
    """Write samples.h5 at `out`, and beside it a folder with stable.tif and purity.json; run again it goes on.

    Raises:
        LandweaveError: Something that the user can mend; what is done is kept.
    """
    executor = here(executor)
    prepared, folder = prepare(job), folder_of(out)
    with held(folder, "labels", prepared.configuration, executor) as phases:
        yield from _Run(prepared, folder, phases).records(out)


@dataclass
class _Run:
    """A job under way in a folder that it holds."""

    prepared: Prepared
    folder: Path
    phases: Phases
    tiles: list[Tile] = field(default_factory=list)

    def records(self, out: Path) -> Iterator[Progress]:
        prepared, order = self.prepared, self.prepared.order(self.folder)
        self.tiles = blocks(prepared.series, prepared.job.core_px)
        wanted = _candidates(prepared)
        rates = tuple(rate(np.array(wanted), np.array(prepared.counts)).tolist())
        gathered = yield from self._blocks(gather, "gather", order, (rates,))
        fitting = [FitTask(order, year, tuple(task.path for task in gathered), wanted, _stamp(gathered))
                   for year in prepared.series.years]  # fmt: skip
        yield from self._phase(fit, fitting, "fit", "forests")
        self.phases.must_have(fitting, "a forest for every year")
        judged = yield from self._blocks(stable, "stable", order, stamp=_stamp(fitting))
        paths, nodata = [task.path for task in judged], order.legend.nodata
        write_cog(self.folder / "stable.tif", paths, order.grid, legend=order.legend, nodata=nodata)
        total = self._counts(judged)
        shares, there = _points(prepared, total), _part_counts(total, len(order.legend))
        drawing = tuple(tuple(row) for row in rate(shares, there).tolist())
        drawn = yield from self._blocks(draw, "draw", order, drawing, _stamp(judged))
        points = write_samples(out, prepared.series, order, [task.path for task in drawn], shares)
        self._report({task.year: self.phases.ledger.done[task.key] for task in fitting}, total, points)

    def _blocks(
        self, function: Any, phase: str, order: Order, rates: tuple[tuple[float, ...], ...] = (), stamp: str = ""
    ) -> Generator[Progress, None, list[Any]]:
        tasks = [BlockTask(order, phase, tile, rates, stamp) for tile in self.tiles]
        done = yield from self._phase(function, tasks, phase, "blocks")
        # Labels of other land are labels still; without any block there is nothing to go on with.
        self.phases.must_have_some(tasks, "block")
        return done

    def _phase(
        self, function: Any, tasks: Sequence[Any], phase: str, unit: str
    ) -> Generator[Progress, None, list[Any]]:
        """Run one phase; gives the tasks that are done."""
        # The counts of a phase are for the report, far too many for a bar.
        yield from (replace(record, summary={}) for record in self.phases.run(function, tasks, phase, unit))
        return [task for task in tasks if task.key in self.phases.ledger.done]

    def _counts(self, tasks: Sequence[Any]) -> Counter[str]:
        total: Counter[str] = Counter()
        for task in tasks:
            total.update(self.phases.ledger.done[task.key])
        return total

    def _report(self, fits: Mapping[int, Any], total: Counter[str], points: Points) -> None:
        prepared = self.prepared
        scenes = {year: len(prepared.series.of_year(year).scenes) for year in prepared.series.years}
        known = bool(prepared.truths)
        found = Found(prepared.legend, prepared.counts, prepared.dropped, fits, total, scenes, known)
        write_purity(self.folder / PURITY, purity(found, points))


def _stamp(tasks: Sequence[Any]) -> str:
    """Another text where another block was done: what follows from it is then done anew."""
    return fingerprint([task.key for task in tasks])[:12]


def _candidates(prepared: Prepared) -> tuple[int, ...]:
    """How many pixels of each class are looked at to train forests: some times as many as are taken in the end."""
    job, counts = prepared.job, np.array(prepared.counts)
    wanted = np.maximum(_OVERSAMPLED * allot(prepared.counts, job.samples, job.floor), _FEWEST)
    return tuple(int(each) for each in np.minimum(wanted, counts))


def _part_counts(total: Mapping[str, int], num_classes: int) -> NDArray[np.int64]:
    """Stable pixels by part and class."""
    return np.array([[total[f"part_{part}_{index}"] for index in range(num_classes)] for part in range(3)])


def _points(prepared: Prepared, total: Mapping[str, int]) -> NDArray[np.int64]:
    """How many stable pixels to draw, by part and class."""
    job, there = prepared.job, _part_counts(total, len(prepared.legend))
    if not there.sum():
        raise SampleError(
            f"{job.map} with which no pixel agrees in all of {', '.join(map(str, prepared.series.years))}",
            "a map of which some pixels are as they were",
            "look at purity.json: more clusters, another legend, or other years",
        )
    shares = []
    for share, have in zip(job.fractions, there, strict=True):
        if job.per_class is not None:
            wanted = np.full(len(have), round(share * job.per_class))
        else:
            wanted = allot(prepared.counts, round(share * job.points), round(share * job.floor))
        shares.append(np.minimum(wanted, have))
    return np.array(shares)
