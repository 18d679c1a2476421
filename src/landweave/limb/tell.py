"""A comparison of classifiers of limb spectra on disk: comparison.json, and one page with every figure and table."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from landweave.atomic import locked, write_text
from landweave.errors import ConfigError
from landweave.limb.compare import Training, Winter, against_truth, cross_tables, gather
from landweave.limb.page import write_page
from landweave.metrics.crosstable import CrossTable
from landweave.provenance import record

FORMAT = 1
COMPARISON, REPORT = "comparison.json", "report.html"


def run(folders: Sequence[Path], out: Path, day: np.datetime64 | None = None) -> dict[str, Any]:
    """Write comparison.json and report.html into `out`; gives what stands in the JSON.

    Args:
        folders: What limb train, search and predict wrote.
        out: Where.
        day: Of the maps over the pole; the one with most kinds of clouds where None.

    Raises:
        ConfigError: A folder holds nothing that can be compared, or nothing was observed on the day.
    """
    trainings, winters = gather(folders)
    if day is not None and not any(winter.has_day(day) for winter in winters):
        raise ConfigError(
            f"the day {day}, on which nothing was observed",
            f"a day of {'; '.join(winter.name for winter in winters) or 'predictions, of which there are none'}",
            "give another --day, or the predictions of that winter",
        )
    with locked(out):
        told = {
            **record("limb comparison", {"folders": list(map(str, folders)), "day": None if day is None else str(day)}),
            "format": FORMAT,
            "trainings": {str(one.folder): {"title": one.title, **_told(one)} for one in trainings},
            "winters": [_plain(winter) for winter in winters],
        }
        write_page(trainings, winters, out / REPORT, day)
        write_text(out / COMPARISON, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return told


def as_day(text: str) -> np.datetime64:
    """A day from what was typed.

    Raises:
        ConfigError: It is none.
    """
    try:
        return np.datetime64(dt.date.fromisoformat(text), "D")
    except ValueError as error:
        raise ConfigError(f"the day {text}", "a day as 2009-06-14", "write year, month and day") from error


def _told(one: Training) -> dict[str, Any]:
    judged, names = one.told, ("arguments", "spectra", "curve", "small", "held", "important")
    found = {name: judged[name] for name in names if judged.get(name)}
    if "cross_validation" in judged:
        found["accuracy"] = judged["cross_validation"]["accuracy"]
        found["large NAT"] = CrossTable.from_json(judged["cross_validation"]["table"]).row("nat_large")
    return found


def _plain(winter: Winter) -> dict[str, Any]:
    truth = {title: against_truth(one) for title, one in winter.every.items()}
    return {
        "name": winter.name,
        "simulated": winter.is_simulated,
        "counts": {title: one.counts for title, one in winter.every.items()},
        "agreement": [{"rows": a, "columns": b, **table.to_json()} for a, b, table in cross_tables(winter)],
        "truth": {title: table.to_json() for title, table in truth.items() if table is not None},
    }
