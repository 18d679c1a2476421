"""Classify files of limb spectra as a job: a task a block of spectra, and one file of predictions in the end."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from landweave.atomic import write_text
from landweave.config import Config
from landweave.datasets import limb
from landweave.errors import CardError
from landweave.jobs.executor import Executor, Summary
from landweave.jobs.phases import MEND, has_file, held, here
from landweave.jobs.run import Progress
from landweave.jobs.worker import Stopwatch, threads
from landweave.legend import IGNORE
from landweave.limb.card import LimbCard, load_card
from landweave.limb.methods import Classifier
from landweave.limb.predictions import Predictions, join, read, write
from landweave.limb.prepare import CLOUD, MAX_MASKED, filled, prepare
from landweave.limb.train import identities
from landweave.spectra.observations import LimbSpectra

FORMAT = 1
PREDICTIONS, SUMMARY = "predictions.parquet", "predicted.json"


class PredictJob(Config):
    """What `landweave limb predict` classifies, and with what."""

    spectra: tuple[Path, ...] = Field(min_length=1)
    """Files of spectra."""
    card: Path
    """Folder of the card."""
    block: int = Field(default=20_000, ge=1)
    """Spectra of a task."""
    max_masked: int = Field(default=MAX_MASKED, ge=0, le=140)
    """Most microwindows of a spectrum that may be negative, zero or missing."""


@dataclass(frozen=True)
class PredictTask:
    """Some spectra of one file.

    Attributes:
        key: Unique in the job; in the order of files and spectra.
        path: What it writes.
        spectra: The file.
        start: First spectrum.
        stop: One beyond the last.
        card: Folder of the card.
        identity: Of the card that the job was begun with.
        max_masked: As in the job.
    """

    key: str
    path: Path
    spectra: Path
    start: int
    stop: int
    card: Path
    identity: str
    max_masked: int


def run(job: PredictJob, out: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Write predictions.parquet and predicted.json into `out`; the same command again goes on where one stopped.

    Raises:
        CardError: The card cannot be used, for one because it is of other microwindows.
        SpectraError: A file cannot be read, or has no spectra.
        RadiometryError: The unit of a file is not known.
        OutputError: The folder is in use or holds another job's work.
    """
    card, _ = load_card(job.card)
    configuration = {
        "spectra": identities(job.spectra),
        "card": card.identity,
        "block": job.block,
        "max_masked": job.max_masked,
    }
    with held(out, "limb predict", configuration, here(executor)) as phases:
        tasks = list(_tasks(job, card, out))
        done = yield from phases.run(classify, tasks, "predict", "blocks", has_file)
        phases.must_have_some(tasks, "block")
        yield Progress("join", 0, 1, "files")
        join(out / PREDICTIONS, [task.path for task in done])
        lacking = {task.key: phases.ledger.failed.get(task.key, MEND) for task in tasks if task not in done}
        _summarise(out, card, lacking, phases.wall_s["predict"], dict(phases.total))
        yield Progress("join", 1, 1, "files")


def _made(task: PredictTask, spectra: LimbSpectra, card: LimbCard, model: Classifier) -> Predictions:
    # A file of simulated spectra says so; whoever knows more than a label has simulated too.
    simulated = limb.is_simulated(task.spectra) or bool(spectra.truth)
    return predictions(spectra, card, model, task.max_masked, is_simulated=simulated, num_threads=threads())


def _tasks(job: PredictJob, card: LimbCard, out: Path) -> Iterator[PredictTask]:
    for place, path in enumerate(job.spectra):
        total = limb.count(path)
        for start in range(0, total, job.block):
            key = f"{place:04d}-{start:09d}"
            stop = min(start + job.block, total)
            part = out / "parts" / f"{key}.parquet"
            yield PredictTask(key, part, path, start, stop, job.card, card.identity, job.max_masked)


def classify(task: PredictTask) -> Summary:
    """Classify the spectra of one task; the same task gives the same bytes."""
    watch = Stopwatch()
    with watch("read"):
        spectra, counts = limb.read_counted([task.spectra], rows=slice(task.start, task.stop))
    card, model = _opened(task.card, task.identity)
    made = watch.compute(lambda: _made(task, spectra, card, model))
    with watch("write"):
        write(task.path, made)
    return {**{name: num for name, num in asdict(counts).items() if num}, **made.counts, **watch.seconds}


def predictions(
    spectra: LimbSpectra,
    card: LimbCard,
    model: Classifier,
    max_masked: int = MAX_MASKED,
    *,
    is_simulated: bool = False,
    num_threads: int = 1,
) -> Predictions:
    """What `model` tells of spectra: of those that see a cloud; others are told to be clear or unusable."""
    ready = prepare(spectra, max_masked)
    cloudy = ready.state == CLOUD
    index = np.full(len(spectra), IGNORE, np.uint8)
    share = np.full(len(spectra), np.nan, np.float32)
    if cloudy.any():
        whole = filled(ready.temperature[cloudy], ready.masked[cloudy], card.mean)
        index[cloudy], share[cloudy] = model.predict(whole, num_threads)
    return Predictions(
        time=spectra.time,
        latitude=spectra.latitude,
        longitude=spectra.longitude,
        tangent_altitude_km=spectra.tangent_altitude_km,
        cloud_index=ready.cloud_index,
        state=ready.state,
        index=index,
        share=share,
        truth=spectra.label if spectra.label is not None else np.full(len(spectra), IGNORE, np.uint8),
        classes=card.classes,
        truth_classes=spectra.classes,
        facts={"method": card.method, "title": card.title, "card": card.identity, "simulated": is_simulated},
    )


@functools.lru_cache(maxsize=2)
def _opened(folder: Path, identity: str) -> tuple[LimbCard, Classifier]:
    # Once a process.
    card, model = load_card(folder)
    if card.identity != identity:
        raise CardError(f"{folder}, a card that changed since the job began", "the card of the job", "begin anew")
    return card, model


def _summarise(out: Path, card: LimbCard, lacking: dict[str, str], wall_s: float, total: dict[str, object]) -> None:
    found = read(out / PREDICTIONS)
    content = {
        "format": FORMAT,
        "kind": "limb predictions",
        "title": card.title,
        "card": card.identity,
        "spectra": len(found),
        "counts": found.counts,
        "simulated": bool(found.facts["simulated"]),
        "set_aside": lacking,
        "wall_s": round(wall_s, 3),
        "summary": total,
    }
    write_text(out / SUMMARY, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
