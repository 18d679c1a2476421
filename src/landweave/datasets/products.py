"""Which product a patch was cut from: by the name that a list tells, or by what Sentinel-2 patches are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

from landweave.datasets.places import Place
from landweave.errors import CatalogError
from landweave.raster.scene import Scene

# Names of BigEarthNet lack the first digit of some times (T94033), and in version 1 the MGRS square.
_ACQUIRED = re.compile(r"(S2[A-D])_MSIL(?:1C|2A)_(\d{8})T(\d{5,6})(?:.*?_T(\d{2}[A-Z]{3}))?")
_Acquired = tuple[str, str, str]


class Products:
    """The products of a catalog, found by their names and by satellite and time."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._by_id = {scene.id: scene for scene in scenes}
        self._by_time: dict[_Acquired, list[tuple[str, Scene]]] = {}
        for scene in scenes:
            if found := _acquired(scene.id):
                self._by_time.setdefault(found[0], []).append((found[1], scene))

    def of(self, place: Place) -> Scene | None:
        """The product of a patch; None where the catalog lacks it.

        Raises:
            CatalogError: Several fit.
        """
        name = (place.scene or place.id).removesuffix(".SAFE")
        if name in self._by_id:
            return self._by_id[name]
        found = _acquired(name)
        if found is None:
            return None
        # Patches carry another baseline than products that were processed anew: it is no part of who they are.
        fitting = [scene for square, scene in self._by_time.get(found[0], []) if found[1] in ("", square)]
        if place.point is not None:
            fitting = [scene for scene in fitting if _holds(scene, place.point)]
        if len(fitting) > 1:
            raise CatalogError(
                f"patch {place.id}, which {len(fitting)} products fit: {', '.join(s.id for s in fitting[:3])}",
                "one product",
                "add a column scene with the product's name to the list, or leave the others out of the catalog",
            )
        return fitting[0] if fitting else None


def _acquired(name: str) -> tuple[_Acquired, str] | None:
    """Satellite, day and time of a name, and its MGRS square or ""; None where it tells none."""
    found = _ACQUIRED.match(name)
    return ((found[1], found[2], found[3].zfill(6)), found[4] or "") if found else None


def _holds(scene: Scene, point: tuple[float, float]) -> bool:
    col, row = ~scene.grid.affine * point
    return bool(0 <= row < scene.grid.shape[0] and 0 <= col < scene.grid.shape[1])
