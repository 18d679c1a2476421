"""What a classifier told of limb spectra, as a Parquet file. The one writer and the one reader."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Shaped, UInt8
from numpy.typing import NDArray

from landweave.atomic import aside
from landweave.errors import SpectraError
from landweave.legend import IGNORE
from landweave.limb.prepare import STATES

FORMAT = 1
_KEY = b"landweave"
_COLUMNS = {
    "time": pa.timestamp("s"),
    "latitude": pa.float32(),
    "longitude": pa.float32(),
    "tangent_altitude_km": pa.float32(),
    "cloud_index": pa.float32(),
    "state": pa.uint8(),
    "index": pa.uint8(),
    "share": pa.float32(),
    "truth": pa.uint8(),
}


@dataclass(frozen=True, eq=False)
class Predictions:
    """A row a spectrum, in the order of the files.

    Attributes:
        time: datetime64[s], UTC.
        latitude: Degrees north.
        longitude: Degrees east, -180 to below 180.
        tangent_altitude_km: How high.
        cloud_index: NaN where there is none.
        state: As in limb.prepare: cloud, clear or unusable.
        index: Index in `classes`, IGNORE where no cloud was classified.
        share: Probability of the class told, or the share of votes; NaN where none is told.
        truth: Index in `truth_classes`, IGNORE where nothing is known.
        classes: What the classifier can tell.
        truth_classes: Names of the labels that came with the spectra; empty where there were none.
        facts: Method, identity of the card, and whether the spectra are simulated.
    """

    time: Shaped[np.ndarray, " b"]
    latitude: Float32[np.ndarray, " b"]
    longitude: Float32[np.ndarray, " b"]
    tangent_altitude_km: Float32[np.ndarray, " b"]
    cloud_index: Float32[np.ndarray, " b"]
    state: UInt8[np.ndarray, " b"]
    index: UInt8[np.ndarray, " b"]
    share: Float32[np.ndarray, " b"]
    truth: UInt8[np.ndarray, " b"]
    classes: tuple[str, ...]
    truth_classes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.index)

    def select(self, rows: NDArray[Any]) -> Predictions:
        """Some of them, by indices or by a mask."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    @property
    def counts(self) -> dict[str, int]:
        """How many spectra are of each class, and how many of each other state."""
        by_class = np.bincount(self.index[self.index != IGNORE], minlength=len(self.classes))
        states = {name: int((self.state == number).sum()) for number, name in enumerate(STATES) if number}
        return {**dict(zip(self.classes, by_class.tolist(), strict=True)), **states}


def write(path: Path, predictions: Predictions) -> None:
    """Write a Parquet file, aside and renamed; equal predictions give equal bytes."""
    with aside(path) as temporary:
        pq.write_table(_table(predictions), temporary)


def join(path: Path, parts: Iterable[Path]) -> None:
    """Write all rows of `parts` in their order as one file, a group of rows a part, never holding more than one."""
    with aside(path) as temporary:
        first, *others = list(parts)
        table = pq.read_table(first)
        with pq.ParquetWriter(temporary, table.schema) as writer:
            writer.write_table(table)
            for part in others:
                writer.write_table(pq.read_table(part))


def read(path: Path) -> Predictions:
    """What `write` or `join` wrote.

    Raises:
        SpectraError: The file is missing, damaged, or another one.
    """
    try:
        table = pq.read_table(path)
        told = json.loads((table.schema.metadata or {})[_KEY])
        found = told["format"]
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        raise SpectraError(f"{path}: {error}", "predictions of landweave limb predict", _AGAIN) from error
    if found != FORMAT or table.column_names != list(_COLUMNS):
        raise SpectraError(f"{path} of format {found} with {table.column_names}", f"format {FORMAT}", _AGAIN)
    columns = dict(_read_columns(table))
    return Predictions(
        **columns, classes=tuple(told["classes"]), truth_classes=tuple(told["truth"]), facts=told["facts"]
    )


_AGAIN = "give a predictions.parquet that landweave limb predict wrote, or run it again"


def _read_columns(table: Any) -> Iterator[tuple[str, Any]]:
    for name, kind in _COLUMNS.items():
        values = table.column(name).to_numpy()
        yield name, values.astype("datetime64[s]") if kind == _COLUMNS["time"] else values


def _table(predictions: Predictions) -> Any:
    columns = {name: pa.array(getattr(predictions, name), kind) for name, kind in _COLUMNS.items()}
    told = {"format": FORMAT, "classes": predictions.classes, "truth": predictions.truth_classes}
    text = json.dumps({**told, "facts": dict(predictions.facts)}, sort_keys=True)
    return pa.table(columns).replace_schema_metadata({_KEY: text.encode()})
