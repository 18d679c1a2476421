"""Limb spectra with what stands beside them: radiance of the microwindows, when, where and how high. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8
from numpy.typing import NDArray

from landweave.errors import SpectraError
from landweave.legend import IGNORE
from landweave.spectra.brightness import check_length

Column = Shaped[np.ndarray, " _"]
_KINDS = {
    "radiance": "float32", "valid": "bool", "time": "datetime64[s]", "latitude": "float32", "longitude": "float32",
    "tangent_altitude_km": "float32", "label": "uint8",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class LimbSpectra:
    """Spectra, one a row. What does not fit together is refused at birth.

    Attributes:
        radiance: In nW/(cm2 sr cm-1), by microwindow. May be 0 or less where noise is stronger than signal.
        valid: False where nothing was measured; there the radiance says nothing.
        time: datetime64[s], UTC; NaT where a simulated spectrum has none.
        latitude: Degrees north.
        longitude: Degrees east, -180 to 180.
        tangent_altitude_km: Of the line of sight's lowest point.
        label: Index in `classes`, IGNORE (255) where none is known; None where spectra have no labels.
        classes: Names of the labels.
        truth: What a simulator knows beside the label, by name with its unit ("radius_um").
    """

    radiance: Float32[np.ndarray, "_ _"]
    valid: Bool[np.ndarray, "_ _"]
    time: Column
    latitude: Float32[np.ndarray, " _"]
    longitude: Float32[np.ndarray, " _"]
    tangent_altitude_km: Float32[np.ndarray, " _"]
    label: UInt8[np.ndarray, " _"] | None = None
    classes: tuple[str, ...] = ()
    truth: Mapping[str, Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_length(self.radiance.shape[-1])
        _check_columns(self)
        _check_values(self)

    def __len__(self) -> int:
        return len(self.radiance)

    def select(self, rows: NDArray[Any] | slice) -> LimbSpectra:
        """Some of them: by indices, in their order, by a mask or by a slice."""
        kept: dict[str, Any] = {name: column[rows] for name, column in _columns(self).items()}
        truth = {name: column[rows] for name, column in self.truth.items()}
        return replace(self, **kept, truth=truth)


def concatenate(parts: Sequence[LimbSpectra]) -> LimbSpectra:
    """All spectra of `parts`, in their order.

    Raises:
        SpectraError: There are no parts, or they have other labels or other truth.
    """
    if not parts:
        raise SpectraError("no spectra at all", "at least one set of spectra", "name files that hold some")
    first = parts[0]
    for part in parts[1:]:
        if _kind(part) != _kind(first):
            raise SpectraError(
                f"spectra with {_kind(part)} beside spectra with {_kind(first)}",
                "the same labels, classes and columns of truth",
                "read them apart, or leave out what not all of them have",
            )
    columns = [_columns(part) for part in parts]
    joined: dict[str, Any] = {name: np.concatenate([found[name] for found in columns]) for name in columns[0]}
    truth = {name: np.concatenate([part.truth[name] for part in parts]) for name in first.truth}
    return replace(first, **joined, truth=truth)


def _kind(spectra: LimbSpectra) -> str:
    labels = f"labels of {', '.join(spectra.classes)}" if spectra.label is not None else "no labels"
    return f"{labels} and {', '.join(sorted(spectra.truth)) or 'no truth'}"


def _columns(spectra: LimbSpectra) -> dict[str, NDArray[Any]]:
    # Everything that has a row a spectrum, but for the truth.
    found = {entry.name: getattr(spectra, entry.name) for entry in fields(spectra)}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def _check_columns(spectra: LimbSpectra) -> None:
    lengths = {name: len(column) for name, column in (_columns(spectra) | dict(spectra.truth)).items()}
    if len(set(lengths.values())) != 1 or spectra.valid.shape != spectra.radiance.shape:
        raise SpectraError(f"columns of {lengths} rows", "a row for each spectrum in every column", "mend the file")
    found = {name: str(column.dtype) for name, column in _columns(spectra).items()}
    if wrong := [name for name, kind in found.items() if kind != _KINDS[name]]:
        raise SpectraError(f"{wrong[0]} as {found[wrong[0]]}", _KINDS[wrong[0]], "convert it before; times are in UTC")


def _check_values(spectra: LimbSpectra) -> None:
    _inside("latitude", spectra.latitude, -90, 90)
    _inside("longitude", spectra.longitude, -180, 180)
    _inside("tangent altitude in km", spectra.tangent_altitude_km, -10, 200)
    if not np.isfinite(spectra.radiance[spectra.valid]).all():
        raise SpectraError("radiances that are valid and not finite", "finite radiances", "mark them as not valid")
    label = np.zeros(0, np.uint8) if spectra.label is None else spectra.label
    if (foreign := label[(label != IGNORE) & (label >= len(spectra.classes))]).size:
        raise SpectraError(
            f"label {foreign[0]} of {len(spectra.classes)} classes",
            "labels that are places in the list of classes, or 255 for none",
            "mend the labels, or name all classes",
        )


def _inside(name: str, values: Float32[np.ndarray, " _"], low: float, high: float) -> None:
    # Told by the first one that is outside; NaN is outside too.
    outside = np.flatnonzero(~((values >= low) & (values <= high)))
    if len(outside):
        raise SpectraError(
            f"{name} {values[outside[0]]} of spectrum {outside[0]} ({len(outside)} such spectra)",
            f"{name} from {low} to {high}",
            "leave these spectra out, or mend their positions",
        )
