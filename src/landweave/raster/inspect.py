"""Look at a scene's numbers before anything is computed from them: can they have the unit that its bands declare?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from landweave.errors import SensorError
from landweave.raster.files import layer_names
from landweave.raster.radiometry import check_physical
from landweave.raster.read import read
from landweave.raster.scene import Scene
from landweave.tiling import Window

_LOOK_PX = 256
# Of nine fields of the scene; the middle one first, for it is the likeliest to have data.
_PARTS = 3


def inspect(scene: Scene, bands: Sequence[str], source: str) -> None:
    """Refuse numbers that cannot have their declared unit, by a look at one place that has valid pixels.

    The middle is looked at first, then eight places around it. A scene that is valid at none of them passes: nothing
    can be said of it.

    Args:
        scene: The scene; its files are opened.
        bands: Names of the bands to look at.
        source: What to call the scene in the message.

    Raises:
        SceneError: A file cannot be read.
        SensorError: The scene lacks a band, or a file itself calls it by another band's name.
        RadiometryError: The numbers do not look like their unit.
    """
    _check_order(scene, bands, source)
    # One place is enough: a wrong unit is wrong everywhere. But swaths end within a scene, and clouds cover a part.
    for place in _places(Window.of((scene.grid.shape[0], scene.grid.shape[1]))):
        values, valid = read(scene, bands, place.on(scene.grid))
        if valid.any():
            check_physical(values, valid, scene.require(bands), source)
            return


def _check_order(scene: Scene, bands: Sequence[str], source: str) -> None:
    """Refuse bands in another order than the file's own names of its layers say; most files say nothing."""
    for band in scene.require(bands):
        file = scene.files[band.name]
        names = layer_names(file.href)
        told = names[file.index - 1] if file.index <= len(names) else ""
        if told != band.name and told in scene.sensor.band_names:
            raise SensorError(
                f"{source}, whose {file.href} calls its layer {file.index} {told}",
                f"{band.name}, as which it is read",
                "give the bands in the order of the file in its sidecar, and make the catalog again",
            )


def _places(whole: Window) -> Iterator[Window]:
    """The middle of the scene, then the middles of the other fields; each once, where the scene is small."""
    fields = sorted(((row, col) for row in range(_PARTS) for col in range(_PARTS)), key=lambda field: field != (1, 1))
    centres = [
        tuple((2 * part + 1) * size // (2 * _PARTS) for part, size in zip(field, whole.shape, strict=True))
        for field in fields
    ]
    yield from dict.fromkeys(Window(row, col, 0, 0).grow(_LOOK_PX // 2).clip(whole) for row, col in centres)
