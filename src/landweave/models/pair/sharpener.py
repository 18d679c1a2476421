"""A sharpener: networks that bring coarse bands to the finest pixels, and what one must know to use them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
import torch
from jaxtyping import Bool, Float
from pydantic import ValidationError
from torch import Tensor, nn

from landweave.atomic import aside
from landweave.config import Config
from landweave.errors import CardError
from landweave.models.pair.dsen2 import DSen2
from landweave.models.upsample import to_finest
from landweave.provenance import fingerprint, versions
from landweave.sensors import Unit

FORMAT = 1
_TEXT, _WEIGHTS = "sharpener.json", "weights.safetensors"
_AGAIN = "copy the whole folder again, or train again"


class SharpenerView(Config):
    """The bands of one pixel size."""

    pixel_size_m: float
    """Edge of a pixel."""
    bands: tuple[str, ...]
    """Names in the order of the channels."""
    mean: tuple[float, ...]
    """Mean of each band in training."""
    std: tuple[float, ...]
    """Standard deviation of each band in training."""


class SharpenerTable(Config):
    """A sharpener as it stands in sharpener.json."""

    format: Literal[1]
    """Version of this format."""
    sensor: str
    """Name of the sensor that it was fitted on."""
    unit: Unit
    """Unit of the values that it takes and gives."""
    views: tuple[SharpenerView, ...]
    """Bands by pixel size, the finest first; all but these are brought to its pixels."""
    width: int
    """Channels inside each network."""
    depth: int
    """Residual blocks of each network."""
    training: dict[str, Any]
    """Summary of the training."""
    weights_sha256: str
    """SHA-256 of weights.safetensors."""
    identity: str
    """SHA-256 of everything above but the format."""
    versions: dict[str, str]
    """Versions of landweave and its libraries that wrote it."""


@dataclass(frozen=True)
class View:
    """The bands of one pixel size.

    Attributes:
        pixel_size_m: Edge of a pixel.
        bands: Names in the order of the channels.
        mean: Mean of each in training.
        std: Standard deviation of each in training, above 0.
    """

    pixel_size_m: float
    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Sharpener:
    """What one must know to use a set of networks, one for each coarse pixel size.

    Attributes:
        sensor: Name of the sensor.
        unit: Unit of the values.
        views: The finest first.
        width: Channels inside each network.
        depth: Residual blocks of each network.
        training: Summary of the training, for people.
        weights_sha256: SHA-256 of the weights' file; the writer fills it in.
    """

    sensor: str
    unit: Unit
    views: tuple[View, ...]
    width: int
    depth: int
    training: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands that are brought to the finest pixels, in the order in which they are given."""
        return tuple(name for view in self.views[1:] for name in view.bands)

    @property
    def identity(self) -> str:
        """SHA-256 of all that it says, weights included."""
        return fingerprint(_values(self))

    def networks(self) -> nn.ModuleDict:
        """Fresh networks, one for each coarse view: each takes the views up to its own and gives its own."""
        made = nn.ModuleDict()
        num_bands = len(self.views[0].bands)
        for view in self.views[1:]:
            num_bands += len(view.bands)
            made[name_of(view.pixel_size_m)] = DSen2(num_bands, len(view.bands), self.width, self.depth)
        return made


def name_of(pixel_size_m: float) -> str:
    """Name of the network for bands of this size ("20m"); torch allows no points in names."""
    return f"{pixel_size_m:g}m".replace(".", "_")


def stacked(views: tuple[View, ...], values: Mapping[float, Float[Tensor, "b _ _ _"]]) -> Float[Tensor, "b c h w"]:
    """What the network of the last of `views` takes: all bands normalised, on the finest pixels.

    Args:
        views: From the finest to the one to sharpen.
        values: Physical values by pixel size.
    """
    return to_finest({view.pixel_size_m: normalised(view, values[view.pixel_size_m]) for view in views})


def normalised(view: View, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Values less the mean of their band, in its standard deviations."""
    return (values - _column(view.mean, values)) / _column(view.std, values)


def sharpen(
    sharpener: Sharpener,
    networks: nn.ModuleDict,
    values: Mapping[float, Float[Tensor, "b _ _ _"]],
    valid: Bool[Tensor, "b h w"] | None = None,
) -> Float[Tensor, "b c h w"]:
    """Every coarse band on the finest pixels, in the order of `sharpener.bands` and the unit of `values`.

    Args:
        sharpener: What the networks are.
        networks: Of the sharpener, in evaluation mode.
        values: Physical values by pixel size, all on the same ground.
        valid: Usable pixels of the finest view; coarse pixels without any are taken as the mean of their band. What
            comes out where not valid has no meaning.
    """
    known = {view.pixel_size_m: _filled(view, values[view.pixel_size_m], valid) for view in sharpener.views}
    found = []
    with torch.inference_mode():
        for last, view in enumerate(sharpener.views[1:], 2):
            told = networks[name_of(view.pixel_size_m)](stacked(sharpener.views[:last], known))
            found.append(told.float() * _column(view.std, told) + _column(view.mean, told))
    return torch.cat(found, 1)


def _filled(view: View, values: Float[Tensor, "b c h w"], valid: Tensor | None) -> Float[Tensor, "b c h w"]:
    if valid is None or bool(valid.all()):
        return values
    # Any, not all: pixels at the edge of a cloud still say something about their neighbours.
    usable = nn.functional.adaptive_max_pool2d(valid[:, None].float(), values.shape[-2:]) > 0
    return torch.where(usable, values, _column(view.mean, values))


def _column(numbers: tuple[float, ...], like: Tensor) -> Float[Tensor, "c 1 1"]:
    return torch.tensor(numbers, dtype=torch.float32, device=like.device)[:, None, None]


def save_sharpener(folder: Path, sharpener: Sharpener, networks: nn.ModuleDict) -> Sharpener:
    """Write a folder with sharpener.json and weights.safetensors, aside and renamed; gives it with its checksum."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in networks.state_dict().items()}
    weights = safetensors.torch.save(state)
    sharpener = replace(sharpener, weights_sha256=hashlib.sha256(weights).hexdigest())
    content = {"format": FORMAT, **_values(sharpener), "identity": sharpener.identity, "versions": versions()}
    with aside(folder) as temporary:
        temporary.mkdir()
        (temporary / _WEIGHTS).write_bytes(weights)
        (temporary / _TEXT).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return sharpener


def read_sharpener(folder: Path) -> Sharpener:
    """What a sharpener is, without its weights.

    Raises:
        CardError: It is missing, damaged, of another format or something else.
    """
    try:
        table = SharpenerTable.model_validate_json(_bytes(folder, _TEXT))
    except ValidationError as error:
        raise CardError(
            f"{folder / _TEXT}: {error.errors()[0]['msg']}", f"a sharpener of landweave, format {FORMAT}", _AGAIN
        ) from error
    views = tuple(View(**view.model_dump()) for view in table.views)
    inner = table.model_dump(exclude={"format", "views", "identity", "versions"})
    found = Sharpener(**inner, views=views)
    if found.identity != table.identity:
        raise CardError(f"{folder / _TEXT}, changed after it was written", f"identity {table.identity[:12]}", _AGAIN)
    return found


def load_sharpener(folder: Path) -> tuple[Sharpener, nn.ModuleDict]:
    """A sharpener and its networks, in evaluation mode on the CPU.

    Raises:
        CardError: It is missing, damaged, of another format or something else.
    """
    found = read_sharpener(folder)
    weights = _bytes(folder, _WEIGHTS)
    if hashlib.sha256(weights).hexdigest() != found.weights_sha256:
        raise CardError(f"{folder / _WEIGHTS} of {len(weights)} bytes", f"the weights that {_TEXT} tells of", _AGAIN)
    with torch.device("meta"):
        networks = found.networks()
    try:
        networks.load_state_dict(safetensors.torch.load(weights), assign=True)
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise CardError(
            f"{folder / _WEIGHTS}: {str(error)[:300]}", f"the weights that {_TEXT} tells of", _AGAIN
        ) from error
    return found, networks.eval()


def _values(sharpener: Sharpener) -> dict[str, Any]:
    # There and back, so that reading gives what was written.
    plain: dict[str, Any] = json.loads(json.dumps(asdict(sharpener)))
    return plain


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise CardError(
            f"{folder / name}: {error.strerror}",
            f"a sharpener: a folder with {_TEXT} and {_WEIGHTS}",
            'give the card that landweave train wrote from a recipe with task = "sharpen"',
        ) from error
