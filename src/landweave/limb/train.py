"""Train a classifier of limb spectra as a job: choose its arguments, judge it, fit it on all, look at what it saw."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from landweave.atomic import write_text
from landweave.config import Config
from landweave.datasets import limb
from landweave.errors import SpectraError
from landweave.jobs.executor import Executor
from landweave.jobs.phases import Phases, has_file, held, here
from landweave.jobs.run import Progress
from landweave.jobs.worker import num_cores
from landweave.limb.card import LimbCard, save_card
from landweave.limb.measure import Fitting, accuracy, confusion, scores, some
from landweave.limb.methods import METHODS, check_arguments
from landweave.limb.prepare import Learnable, learnable
from landweave.limb.recipe import LimbRecipe
from landweave.limb.search import Tried, best, choices
from landweave.limb.seen import Seen, look, top
from landweave.limb.trial import Trial, carry_out, result, told_accuracy, write_learnable
from landweave.metrics.crosstable import CrossTable
from landweave.provenance import file_sha256, versions
from landweave.spectra.microwindows import CLASSES

FORMAT = 1
CARD, TRAINING, SEEN = "card", "training.json", "seen.safetensors"
_DATA, _TRIALS = "learnable.safetensors", "trials"


class TrainJob(Config):
    """What `landweave limb train` and `landweave limb search` learn from, and how."""

    spectra: tuple[Path, ...] = Field(min_length=1)
    """Files of labelled spectra."""
    recipe: LimbRecipe
    """What is done with them."""


def run(job: TrainJob, out: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Write card/, training.json and seen.safetensors into `out`; the same command again goes on where one stopped.

    Raises:
        SpectraError: The spectra cannot be read, or nothing can be learnt from them.
        ConfigError: The recipe has an argument that the method does not take.
        OutputError: The folder is in use or holds another job's work.
    """
    check_arguments(job.recipe.method, job.recipe.arguments)
    configuration = {"spectra": identities(job.spectra), **job.recipe.model_dump()}
    with held(out, "limb train", configuration, here(executor)) as phases:
        every = _learnable(job, out)
        yield Progress("read", 1, 1, "databases", {"learnt from": int((~every.held).sum()), **every.left})
        found: list[Tried] = yield from _search(job.recipe, out, phases)
        arguments = best(found).arguments if found else job.recipe.arguments
        fitting = Fitting(job.recipe.method, arguments, job.recipe.seed, num_cores())
        judged = yield from _judge(job.recipe, fitting, out, phases)
        simulated = any(limb.is_simulated(path) for path in job.spectra)
        card, seen, apart = _fit(fitting, every, job.recipe, out, simulated)
        told = {**judged, "held": apart, "search": [vars(one) for one in found]}
        _write(out, card, seen, every, told)
        yield Progress("fit", 1, 1, "classifiers")


def identities(paths: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of files of spectra.

    Raises:
        SpectraError: A file is missing, none of spectra, or without any.
        RadiometryError: The unit of a file is not known.
    """
    for path in paths:
        if not limb.count(path):
            raise SpectraError(f"{path} without spectra", "files that hold some", "leave this file out")
    return {str(path): file_sha256(path) for path in paths}


def _learnable(job: TrainJob, out: Path) -> Learnable:
    every = learnable(limb.read(job.spectra), job.recipe.max_masked)
    # For the tasks; where it stands already, it is the same.
    if not (out / _DATA).is_file():
        write_learnable(out / _DATA, every)
    return every


def _search(recipe: LimbRecipe, out: Path, phases: Phases) -> Generator[Progress, None, list[Tried]]:
    if recipe.search.kind == "none":
        return []
    fitting = Fitting(recipe.method, recipe.arguments, recipe.seed)
    numbers = {"most": recipe.search.most, "of": max(recipe.judge.folds, 2)}
    trials = [
        _trial(out, f"choice-{number:04d}", fitting, "choice", numbers, choice)
        for number, choice in enumerate(choices(recipe.method, recipe.search, recipe.seed))
    ]
    done = yield from phases.run(carry_out, trials, "search", "choices", has_file)
    phases.must_have_some(trials, "choice")
    told = [result(trial)["choice"] for trial in done]
    return [Tried(one["arguments"], one["accuracy"], tuple(one["parts"])) for one in told]


def _judge(
    recipe: LimbRecipe, fitting: Fitting, out: Path, phases: Phases
) -> Generator[Progress, None, dict[str, Any]]:
    judge, method = recipe.judge, Fitting(fitting.method, fitting.arguments, fitting.seed)
    trials = [
        _trial(out, f"fold-{number}", method, "fold", {"number": number, "of": judge.folds, "most": judge.most})
        for number in range(judge.folds)
    ]
    trials += [
        _trial(out, f"point-{share:g}", method, "point", {"share": share, "test": judge.curve_test})
        for share in judge.curve
    ]
    if judge.small_train:
        numbers = {"train": judge.small_train, "test": judge.small_test}
        trials.append(_trial(out, "small", method, "small", numbers))
    done = yield from phases.run(carry_out, trials, "judge", "fits", has_file)
    phases.must_have(trials, "methods that can be judged")
    return _told({trial.key: result(trial) for trial in done}, judge.folds)


def _trial(  # noqa: PLR0917
    out: Path,
    key: str,
    fitting: Fitting,
    kind: str,
    numbers: Mapping[str, float],
    choice: Mapping[str, Any] | None = None,
) -> Trial:
    return Trial(key, out / _TRIALS / f"{key}.json", out / _DATA, fitting, kind, numbers, choice or {})


def _told(found: Mapping[str, Mapping[str, Any]], num_folds: int) -> dict[str, Any]:
    tables = [CrossTable.from_json(found[f"fold-{number}"]["table"]) for number in range(num_folds)]
    points = [one["point"] for one in found.values() if one["kind"] == "point" and one["point"]]
    told: dict[str, Any] = {"curve": sorted(points, key=lambda point: float(point["share"]))}
    if tables:
        told["cross_validation"] = told_accuracy(tables)
    if "small" in found:
        table = CrossTable.from_json(found["small"]["table"])
        told["small"] = {"accuracy": accuracy(table), "table": table.to_json()}
        # Table 6 is of the six classes; the Bayesian rule tells others.
        if table.columns == CLASSES:
            told["small"]["scores"] = scores(confusion(table))
    return told


def _fit(
    fitting: Fitting, every: Learnable, recipe: LimbRecipe, out: Path, simulated: bool
) -> tuple[LimbCard, Seen, dict[str, Any] | None]:
    learnt, apart = every.select(~every.held), every.select(every.held)
    model = fitting.on(learnt)
    method = METHODS[fitting.method]
    training = {"spectra": len(learnt), "left out": dict(every.left), "seed": fitting.seed, "simulated": simulated}
    card = LimbCard(fitting.method, dict(fitting.arguments), method.classes, every.mean, training)
    judged = some(apart if len(apart) else learnt, max(recipe.judge.shuffled, 1), fitting.seed)
    seen = look(
        model,
        learnt,
        judged if recipe.judge.shuffled else judged.select(np.zeros(len(judged), np.bool_)),
        fitting.seed,
        num_cores(),
    )
    seen.write(out / SEEN)
    card = save_card(out / CARD, card, model)
    if not len(apart):
        return card, seen, None
    told, _ = model.predict(apart.temperature, num_cores())
    table = CrossTable.from_labels(CLASSES, model.classes, apart.label, told)
    return card, seen, {"accuracy": accuracy(table), "table": table.to_json()}


def _write(out: Path, card: LimbCard, seen: Seen, every: Learnable, told: Mapping[str, Any]) -> None:
    important: Sequence[Mapping[str, Any]] = top(seen.importance) if seen.importance.size else []
    content = {
        "format": FORMAT,
        "kind": "limb training",
        "method": card.method,
        "title": card.title,
        "arguments": dict(card.arguments),
        "card": card.identity,
        "spectra": int((~every.held).sum()),
        "simulated": bool(card.training["simulated"]),
        "left_out": dict(every.left),
        "important": list(important),
        **told,
        "versions": versions(),
    }
    write_text(out / TRAINING, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def describe(folder: Path) -> list[str]:
    """The training in `folder`, for people."""
    told = read_training(folder)
    simulated = "simulated " if told["simulated"] else ""
    lines = [f"{told['title']} learnt from {told['spectra']} {simulated}spectra; {_words(told['arguments'])}"]
    if "cross_validation" in told:
        lines.append(f"cross-validation: {100 * told['cross_validation']['accuracy']:.2f} % right")
    if told["held"]:
        lines.append(f"radius left out of training: {100 * told['held']['accuracy']:.2f} % right")
    return [*lines, f"card: {folder / CARD}"]


def _words(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in arguments.items()) or "arguments as they come"


def read_training(folder: Path) -> dict[str, Any]:
    """What `run` told about the training in `folder`.

    Raises:
        SpectraError: There is none, or it is damaged.
    """
    path = folder / TRAINING
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (found["format"], found["kind"]) != (FORMAT, "limb training"):
            raise ValueError(f"format {found['format']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpectraError(
            f"{path}: {error}", f"a training of format {FORMAT}", "give a folder that landweave limb train wrote"
        ) from error
    return found
