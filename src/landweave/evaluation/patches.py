"""Judge a card on one part of an archive: labels of pixels, one label a patch, or several."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8

from landweave.classical import store
from landweave.classical.neighbourhood import flat_features, of_patches
from landweave.errors import ArchiveError, CardError, LegendError, SampleError
from landweave.evaluation.parts import POLYGONS, why_not_random
from landweave.evaluation.result import Evaluation
from landweave.evaluation.truth import same_classes
from landweave.jobs.run import Progress
from landweave.legend import IGNORE
from landweave.metrics import area
from landweave.metrics.calibration import Calibration
from landweave.metrics.confusion import Confusion
from landweave.metrics.multilabel import Multilabel
from landweave.models.card import Card, load_card, load_parts
from landweave.models.normalise import Normalise
from landweave.models.upsample import to_finest
from landweave.patches.archive import Archive
from landweave.patches.layout import check_same_bands
from landweave.patches.sample import Split

# Few enough that a U-Net's features of them fit into memory beside everything else.
_AT_ONCE = 16
_THRESHOLD = 0.5
Values = Float32[np.ndarray, "n c h w"]
Valid = Bool[np.ndarray, "n h w"]
Predict = Callable[["_Batch"], Float32[np.ndarray, "n k ..."]]


def judge(folder: Path, archive: Archive, split: Split, name: str) -> Generator[Progress, None, Evaluation]:
    """Judge the card in `folder` on one part of an archive; the evaluation is the generator's value.

    Networks compute in fp32 on the CPU, patch by patch: without the land around a patch they see less than in a map.

    Raises:
        CardError: The card is damaged, or for another sensor, unit or pixel size.
        LegendError: Card and archive have different legends.
        ArchiveError: The archive has no labels for the card's task.
        SplitError: The part is empty.
    """
    card, _ = load_parts(folder)
    check_fit(card, archive)
    if card.task == "pixels":
        return (yield from _judge_pixels(folder, card, archive, split, name))
    return (yield from _judge_labels(folder, card, archive, split, name))


def check_fit(card: Card, archive: Archive) -> None:
    """Refuse an archive that a card was not made for.

    Raises:
        CardError: Sensor, unit or pixel size differ.
        SensorError: The archive lacks a band.
        LegendError: The legends differ.
        ArchiveError: There are no labels for the card's task.
    """
    layout = archive.layout
    if card.series is not None:
        raise CardError("a card of series", "a card of pixels or patches", "judge it on samples of series with --data")
    # Texts are compared, so that whatever differs stands in the message.
    theirs = f"{layout.sensor} in {layout.unit} with pixels of {layout.pixel_size_m:g} m"
    own = f"{card.sensor} in {card.unit} with pixels of {card.pixel_size_m:g} m"
    if theirs != own:
        raise CardError(f"an archive of {theirs}", f"{own}, for which the card is", "judge it on patches of its sensor")
    check_same_bands(layout, card.bands)
    _check_second(card, archive)
    theirs = layout.super.sharpener if layout.super else ""
    if card.sharpener not in ("", theirs):
        raise CardError(
            f"an archive with data_super of {theirs[:12] or 'no sharpener'}",
            f"one of the sharpener {card.sharpener[:12]}, with which the card was trained",
            "cut the archive with that card of a sharpener (landweave patch --super)",
        )
    if not same_classes(card.legend, layout.legend):
        raise LegendError(
            f"a card with legend {card.legend.name} and an archive with legend {layout.legend.name}",
            "one legend",
            "cut the archive with the card's legend",
        )
    target = "mask" if card.task == "pixels" else "classes"
    if target not in layout.targets:
        raise ArchiveError(
            f"an archive with {' and '.join(layout.targets)} for a card of task {card.task}",
            f"an archive with {target}",
            "give the archive that the card was trained on, or one like it",
        )


def _check_second(card: Card, archive: Archive) -> None:
    """Refuse an archive whose other view is not what a card of pairs takes."""
    pair, second = archive.layout.pair, card.second
    if second is None:
        return
    bands = tuple(band.name for band in pair.bands) if pair else ()
    theirs = _text(pair.sensor, bands, pair.pixel_size_m, pair.bands[0].unit) if pair else "no other sensor"
    own = _text(second.sensor, second.bands, second.pixel_size_m, second.unit)
    if theirs != own:
        raise CardError(
            f"an archive with {theirs} beside its views",
            f"{own}, which the card takes",
            "judge it on pairs like its own",
        )


def _text(sensor: str, bands: tuple[str, ...], size_m: float, unit: str) -> str:
    return f"{', '.join(bands)} of {sensor} in {unit} with pixels of {size_m:g} m"


@dataclass(frozen=True)
class _Batch:
    """Some patches: their numbers in the archive, bands in the card's order, valid, and the stored target.

    Of pairs also what the other sensor sees, and where that is valid.
    """

    indices: Int64[np.ndarray, " n"]
    values: torch.Tensor
    valid: torch.Tensor
    target: UInt8[np.ndarray, "n ..."]
    beside: tuple[torch.Tensor, torch.Tensor] | None = None


def _batches(card: Card, archive: Archive, indices: Int64[np.ndarray, " n"]) -> Iterator[_Batch]:
    layout = archive.layout
    stored = (layout.views[0], layout.super) if card.sharpener and layout.super else layout.views
    names = [band.name for view in stored for band in view.bands]
    order = [names.index(band) for band in card.bands]
    target = "mask" if card.task == "pixels" else "classes"
    for start in range(0, len(indices), _AT_ONCE):
        some = indices[start : start + _AT_ONCE]
        arrays = archive.batch(some)
        views: dict[float, torch.Tensor] = {}
        for view in stored:
            values = torch.from_numpy(view.to_physical(arrays[view.key]))
            finer = views.get(view.pixel_size_m)
            views[view.pixel_size_m] = values if finer is None else torch.cat([finer, values], 1)
        # Copied: the archive's arrays are views of a file that cannot be written.
        usable = torch.from_numpy(np.array(arrays["valid"], np.bool_))
        valid = torch.from_numpy(np.array(layout.finest(arrays["valid"]), np.bool_))
        beside = None
        if card.second is not None and layout.pair is not None:
            beside = torch.from_numpy(layout.pair.to_physical(arrays[layout.pair.key])), usable
        values = to_finest(views, repeats="ratios" in card.arguments)[:, order]
        yield _Batch(some, values, valid, arrays[target], beside)


def _predictor(folder: Path, card: Card) -> Predict:
    """What gives probabilities of every class, (n, k) or (n, k, h, w)."""
    if card.is_classical:
        model = store.from_arrays(card.network, load_parts(folder)[1])
        return lambda batch: _classical(model, card, batch)
    # In fp32 without fused norms: a judgement is of the card as it was trained.
    network = load_card(folder)[1]

    def predict(batch: _Batch) -> Float32[np.ndarray, "n k ..."]:
        with torch.inference_mode():
            scores = network(*_normalised(card, batch))
            told = scores.sigmoid() if card.task == "multilabel" else scores.softmax(1)
        return np.asarray(told.numpy())

    return predict


def _normalised(card: Card, batch: _Batch) -> list[torch.Tensor]:
    """The view or views that a card takes, by its statistics."""
    views = [Normalise(card.mean, card.std)(batch.values, batch.valid)]
    if card.second is not None and batch.beside is not None:
        views.append(Normalise(card.second.mean, card.second.std)(*batch.beside))
    return views


def _classical(model: store.Model, card: Card, batch: _Batch) -> Float32[np.ndarray, "n k ..."]:
    threads = torch.get_num_threads()
    if card.arguments.get("features") == "flat":
        return model.predict_probabilities(flat_features([view.numpy() for view in _normalised(card, batch)]), threads)
    values, valid = batch.values.numpy(), batch.valid.numpy()
    if card.task != "pixels":
        return model.predict_probabilities(of_patches(values, valid), threads)
    window_px = int(card.arguments.get("window_px", 1))
    pairs = zip(values, valid, strict=True)
    return np.stack([store.predict_map(model, one, usable, window_px, threads) for one, usable in pairs])


def _judge_pixels(
    folder: Path, card: Card, archive: Archive, split: Split, name: str
) -> Generator[Progress, None, Evaluation]:
    predict, indices = _predictor(folder, card), archive.part(split)
    names = archive.table()["block"].to_numpy()
    num_classes = len(card.legend)
    blocks: dict[str, Confusion] = {}
    calibration, done = Calibration.zero(), 0
    for batch in _batches(card, archive, indices):
        yield Progress("judge", done, len(indices), "patches")
        told = predict(batch)
        # What is under clouds cannot be seen, whatever its label.
        truth = np.where(batch.valid.numpy(), batch.target, IGNORE).astype(np.uint8)
        best = told.argmax(1).astype(np.uint8)
        for block, one, known in zip(names[batch.indices], best, truth, strict=True):
            counted = Confusion.from_labels(one, known, num_classes)
            blocks[block] = blocks.get(block, Confusion.zero(num_classes)) + counted
        calibration += Calibration.from_probabilities(_flat(told), truth.ravel())
        done += len(batch.indices)
    yield Progress("judge", done, len(indices), "patches")
    counts = np.stack([one.counts for one in blocks.values()])
    estimates, why = None, why_not_random(archive.manifest) or _why_polygons(archive, indices)
    if not why:
        try:
            estimates = area.blocks(counts)
        except SampleError as error:
            why = f"{error.given}, where it takes {error.expected}"
    note = f"{counts.sum():,} pixels of {done} patches in {len(blocks)} blocks of the part {split}."
    return Evaluation(
        name,
        card.task,
        card.legend,
        note,
        Confusion(counts.sum(0)),
        estimates,
        why,
        calibration=calibration,
        counts={"pixels": int(counts.sum()), "patches": done, "blocks": len(blocks)},
    )


def _judge_labels(
    folder: Path, card: Card, archive: Archive, split: Split, name: str
) -> Generator[Progress, None, Evaluation]:
    predict, indices = _predictor(folder, card), archive.part(split)
    told, truths, done = [], [], 0
    for batch in _batches(card, archive, indices):
        yield Progress("judge", done, len(indices), "patches")
        told.append(predict(batch))
        truths.append(batch.target)
        done += len(batch.indices)
    yield Progress("judge", done, len(indices), "patches")
    found = Multilabel(np.concatenate(told), np.concatenate(truths), card.thresholds or _THRESHOLD)
    note = f"{done} patches of the part {split}."
    why, counts = "patches were cut or published as they are, not drawn from a region", {"patches": done}
    if card.task == "multilabel":
        return Evaluation(name, card.task, card.legend, note, multilabel=found, why_no_interval=why, counts=counts)
    truth = _only_label(found.truth)
    confusion = Confusion.from_labels(found.probabilities.argmax(1).astype(np.uint8), truth, len(card.legend))
    calibration = Calibration.from_probabilities(found.probabilities, truth)
    counts["patches_without_one_label"] = int((truth == IGNORE).sum())
    return Evaluation(name, card.task, card.legend, note, confusion, None, why, calibration=calibration, counts=counts)


def _flat(told: Float32[np.ndarray, "n k h w"]) -> Float32[np.ndarray, "m k"]:
    return np.ascontiguousarray(np.moveaxis(told, 1, -1).reshape(-1, told.shape[1]))


def _only_label(classes: UInt8[np.ndarray, "n k"]) -> UInt8[np.ndarray, " n"]:
    """Index of the one label of each patch; IGNORE where it has none or several."""
    return np.where(classes.sum(1) == 1, classes.argmax(1), IGNORE).astype(np.uint8)


def _why_polygons(archive: Archive, indices: Int64[np.ndarray, " n"]) -> str:
    # Blocks made of polygons carry it in their name.
    blocks = archive.table()["block"].iloc[indices]
    drawn_by_hand = blocks.str.startswith("polygon").any()
    return POLYGONS if drawn_by_hand else ""
