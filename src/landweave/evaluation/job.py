"""The judgement of a map or a card as one job: what is asked for, and the one way to it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from pydantic import Field, model_validator

from landweave.atomic import locked, sweep
from landweave.config import Config
from landweave.datasets.points import open_points
from landweave.evaluation import maps, patches, series, units
from landweave.evaluation.origin import name_of
from landweave.evaluation.result import Evaluation, check_place
from landweave.evaluation.truth import pair
from landweave.jobs.run import Progress
from landweave.legend import Legend, legend, load_legends
from landweave.models.card import load_parts
from landweave.patches.archive import Archive, open_archive
from landweave.patches.polygons import SUFFIXES
from landweave.patches.sample import Split


class EvaluateJob(Config):
    """What to judge, and by what."""

    map: Path | None = None
    """The map to judge."""
    card: Path | None = None
    """The card to judge, on patches or on samples of series; without a map."""
    truth: Path | None = None
    """A raster of the truth, on the map's pixels; or polygons with a class."""
    archive: Path | None = None
    """Patches: where to judge a map, and with what where there is no truth."""
    data: Path | None = None
    """Samples of series (samples.h5) to judge a card of series on."""
    part: Split = "test"
    """The part of the archive or of the samples."""
    class_property: str = "class"
    """Property that holds the class of a polygon."""
    units: Path | None = None
    """A folder of judged sampling units."""
    legend: str | None = None
    """Legend of the map, where its file does not tell."""
    truth_legend: str | None = None
    """Legend of the truth, where its file does not tell."""
    legends: Path | None = None
    """TOML with legends of your own."""
    reproject: bool = False
    """Read a truth on other pixels onto the map's, by the nearest one."""
    name: str = Field(default="", max_length=80)
    """What is judged, for tables: "U-Net"; the card's network where empty."""

    @model_validator(mode="after")
    def _one_thing_by_one_truth(self) -> EvaluateJob:
        if (self.map is None) == (self.card is None):
            raise ValueError("either a map or a card")
        if self.data is not None and self.card is None:
            raise ValueError("samples of series to judge a card of series by, not a map")
        if self.card is not None and ((self.archive is None) == (self.data is None) or self.truth or self.units):
            raise ValueError("a card is judged on an archive or on samples of series (data), and on nothing else")
        if self.units is not None and (self.truth or self.archive):
            raise ValueError("units, or a truth and an archive, not both")
        if self.truth is not None and self.truth.suffix in SUFFIXES and self.archive is not None:
            raise ValueError("polygons alone, or an archive alone, which has the polygons of its parts")
        if self.map is not None and not (self.truth or self.archive or self.units):
            raise ValueError("a truth, an archive or units to judge the map by")
        return self


def run(job: EvaluateJob, out: Path) -> Iterator[Progress]:
    """Judge, and write evaluation.json with its tables in `out`; gives records on the way.

    Raises:
        LandweaveError: What cannot be compared is refused before the first pixel is read.
    """
    with locked(out):
        sweep(out)
        check_place(out)
        evaluation = yield from _judge(job)
        evaluation.write(out, job.model_dump(mode="json"))


def _judge(job: EvaluateJob) -> Generator[Progress, None, Evaluation]:
    # Opened first: most mistakes are in paths, and this is where they show.
    archive = open_archive(job.archive) if job.archive else None
    of_map, of_truth = legends_of(job)
    # The model's validator has made sure that one way fits.
    if job.card is not None:
        return (yield from _judge_card(job, job.card, archive))
    assert job.map is not None
    name = job.name or name_of(job.map)
    if job.units is not None:
        return units.estimate(job.units, job.map, name, of_map)
    if job.truth is None and archive is not None:
        return (yield from maps.compare_masks(job.map, of_map, archive, job.part, name))
    assert job.truth is not None
    if job.truth.suffix in SUFFIXES:
        return (yield from maps.compare_polygons(job.map, of_map, job.truth, job.class_property, name))
    both = pair(job.map, job.truth, map_legend=of_map, truth_legend=of_truth, reproject=job.reproject)
    if archive is None:
        return (yield from maps.compare(both, name))
    return (yield from maps.compare_part(both, archive, job.part, name))


def _judge_card(job: EvaluateJob, card: Path, archive: Archive | None) -> Generator[Progress, None, Evaluation]:
    name = job.name or load_parts(card)[0].network
    if archive is not None:
        return (yield from patches.judge(card, archive, job.part, name))
    assert job.data is not None
    return (yield from series.judge(card, open_points(job.data), job.part, name))


def legends_of(job: EvaluateJob) -> tuple[Legend | None, Legend | None]:
    """The legends that the job names for map and truth.

    Raises:
        LegendError: There is no legend of that name.
        ConfigError: The file of legends does not fit.
    """
    extra = load_legends(job.legends) if job.legends else None
    names = job.legend, job.truth_legend
    of_map, of_truth = (None if name is None else legend(name, extra) for name in names)
    return of_map, of_truth
