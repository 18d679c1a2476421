"""Training runs and archives as material: curves from logs, facts from recipes, cards and manifests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from landweave.report import tables
from landweave.report.find import Found
from landweave.report.material import Curve, Run

_TITLES = {
    "unet": "U-Net",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "pixel": "Pixelwise network",
    "forest": "Random forest",
    "linear": "Linear model",
}


def title_of(network: str) -> str:
    """The name for people of a network or classical model."""
    return _TITLES.get(network, network)


def runs(found: Found) -> tuple[Run, ...]:
    """Every folder with a card, with the log beside it where there is one; those with curves first."""
    every = [_run(found, path) for path in found.of("card")]
    return tuple(sorted((run for run in every if run), key=lambda run: not run.curves))


def _run(found: Found, path: Path) -> Run | None:
    card = found.json(path)
    if "network" not in card:
        return None
    folder = path.parent.parent
    epochs = _epochs(found, folder / "log.jsonl")
    # What was fitted at once, such as a forest, has one point and no curve.
    drawn = curves(epochs) if len(epochs) > 1 else {}
    return Run(title_of(card["network"]), drawn, _facts(card, epochs), folder)


def _epochs(found: Found, path: Path) -> list[dict[str, Any]]:
    return [line for line in found.lines(path) if line.get("kind") == "epoch"] if path.is_file() else []


def curves(epochs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Curve, ...]]:
    """Figures from the epochs of a log: what training and validation both have, beside each other; then all else."""
    training, validation = (_lines(epochs, key) for key in ("losses", "figures"))
    figures = {
        name.replace("_", " "): tuple(
            Curve(part, *points)
            for part, lines in (("training", training), ("validation", validation))
            if (points := lines.get(name))
        )
        for name in training
    }
    alone = tuple(Curve(name.replace("_", " "), *points) for name, points in validation.items() if name not in training)
    return {**figures, "on the validation part": alone} if alone else figures


def _lines(epochs: Sequence[Mapping[str, Any]], key: str) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Epochs and values of every quantity under `key` of the log, without what is no number."""
    lines = {}
    for name in dict.fromkeys(name for epoch in epochs for name in epoch.get(key, {})):
        points = [(epoch["done"], epoch[key][name]) for epoch in epochs if _is_number(epoch.get(key, {}).get(name))]
        if points:
            lines[name] = (tuple(done for done, _ in points), tuple(value for _, value in points))
    return lines


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _facts(card: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    training = card.get("training", {})
    arguments = ", ".join(f"{name} {value}" for name, value in card.get("arguments", {}).items())
    facts = {"Network": f"{card['network']} ({arguments})" if arguments else card["network"]}
    facts["Sees"] = f"{card['sensor']}: {' '.join(card['bands'])}, pixels of {card['pixel_size_m']:g} m"
    if "num_train" in training:
        facts["Samples"] = _samples(training)
    if len(epochs) > 1:
        best = training.get("best_epoch")
        facts["Epochs"] = f"{epochs[-1]['done']}" + (f", the best after {best}" if best else "")
        facts["Time"] = tables.duration(sum(float(epoch.get("seconds", 0)) for epoch in epochs))
    if figures := training.get("validation"):
        shown = (f"{name.replace('_', ' ')} {value:.3f}" for name, value in figures.items() if _is_number(value))
        facts["On the validation part"] = ", ".join(shown)
    if "precision" in training:
        facts["Precision"] = str(training["precision"])
    facts["Card"] = f"identity {str(card.get('identity', ''))[:12]}"
    return facts


def _samples(training: Mapping[str, Any]) -> str:
    text = f"{training['num_train']:,} for training"
    return text + (f", {training['num_validation']:,} for validation" if "num_validation" in training else "")


def archives(found: Found) -> dict[str, dict[str, str]]:
    """What the manifests of archives say, by the name of the folder."""
    every = ((path, found.json(path)) for path in found.of("archive"))
    return {f"Archive ({path.parent.name}/)": _archive(manifest) for path, manifest in every if "layout" in manifest}


def _archive(manifest: Mapping[str, Any]) -> dict[str, str]:
    layout = manifest["layout"]
    views = [(view.get("pixel_size_m"), _names(view.get("bands", []))) for view in layout.get("views", [])]
    facts = {
        "Patches": ", ".join(f"{number:,} {split}" for split, number in manifest.get("splits", {}).items()),
        "Sensor": str(layout.get("sensor", "")),
        "Bands": "; ".join(f"{size:g} m: {' '.join(names)}" for size, names in views if size),
        "Patch": f"{layout.get('patch_px', '?')} pixels wide",
    }
    distances = manifest.get("distance_m", {})
    if distances:
        shown = (f"{pair}: {value:,.0f} m" for pair, value in distances.items() if _is_number(value))
        facts["Distance between parts"] = ", ".join(shown)
    return {name: text for name, text in facts.items() if text}


def _names(bands: Iterable[Any]) -> list[str]:
    return [str(band["name"] if isinstance(band, Mapping) else band) for band in bands]
