"""The archive of patches: shards in HDF5, an index in GeoParquet, a manifest; the one writer and the one reader.

A shard is written by one task and never changed. Its data sets are contiguous, and the manifest says at which byte
each begins, so that the reader maps them into memory and no HDF5 call stands between a network and its patches.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import mmap
import resource
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import geopandas
import h5py
import numpy as np
from jaxtyping import Int64, Shaped
from numpy.typing import NDArray

from landweave.atomic import write_bytes, write_text
from landweave.errors import ArchiveError, SplitError
from landweave.patches import index, split, stats, virtual
from landweave.patches.layout import Layout
from landweave.patches.sample import SPLITS, Row, Split
from landweave.provenance import file_sha256, record

FORMAT = 1
MANIFEST = "archive.json"
INDEX = "patches.parquet"
SHARDS = "shards"
_PAGE = 4096
_OTHER_FILES = 512
_CUT_AGAIN = "cut it again with landweave patch; shards that are whole are kept"

Arrays = Mapping[str, Shaped[np.ndarray, "n ..."]]


@dataclass(frozen=True, slots=True)
class Shard:
    """What the manifest says about one shard.

    Attributes:
        name: File name without its ending.
        num_rows: Patches in it.
        num_bytes: Size of the file.
        sha256: Checksum of the file.
        starts: At which byte of the file each array begins.
    """

    name: str
    num_rows: int
    num_bytes: int
    sha256: str
    starts: Mapping[str, int]


def write_shard(folder: Path, name: str, layout: Layout, arrays: Arrays, rows: Sequence[Row]) -> Shard:
    """Write one shard of an archive, and beside it what the manifest needs to know; same input, same bytes.

    Args:
        folder: The archive.
        name: The shard's name, unique in the archive; the order of shards is the order of names.
        layout: What the arrays must look like.
        arrays: Every array of `layout.shapes()`, with one entry a row.
        rows: Where each patch comes from.

    Raises:
        ArchiveError: The arrays are not those of the layout.
        OutputError: The file cannot be written.
    """
    # A wrong shape would be found only when training reads it, hours later and elsewhere.
    _check_arrays(layout, arrays, len(rows))
    path = folder / SHARDS / f"{name}.h5"
    content, starts = _hdf5(layout, arrays)
    write_bytes(path, content)
    shard = Shard(name, len(rows), len(content), hashlib.sha256(content).hexdigest(), starts)
    # Validation and test must not leak into what the network is given, not even by a mean.
    train = np.array([row.split == "train" for row in rows], bool)
    usable, stored = layout.finest(arrays["valid"][train]), (*layout.views, *([layout.pair] if layout.pair else []))
    sums = stats.add(stats.band_sums(view, arrays[view.key][train], usable) for view in stored if train.any())
    # Written last: a shard counts as done when this file stands beside it.
    note = {"shard": dataclasses.asdict(shard), "rows": [dataclasses.asdict(row) for row in rows]}
    write_text(path.with_suffix(".json"), json.dumps({**note, "sums": stats.to_json(sums)}, sort_keys=True) + "\n")
    return shard


def finish(
    folder: Path,
    layout: Layout,
    configuration: Mapping[str, Any],
    left: Mapping[str, int] | None = None,
    may_touch: bool = False,
) -> Archive:
    """Write index, virtual data sets and manifest over the shards in `folder`, and open the archive.

    Args:
        folder: The archive.
        layout: The layout of its shards.
        configuration: What decided the archive, resolved.
        left: What was left away, by reason.
        may_touch: True for a split as somebody else published it, whose parts may touch; the distances tell.

    Raises:
        SplitError: There is no patch for training, or parts overlap or touch.
        OutputError: The files cannot be written.
    """
    # What stands on disk counts, not what tasks reported: a run that was killed reports nothing.
    notes = [json.loads(path.read_text("utf-8")) for path in sorted((folder / SHARDS).glob("*.json"))]
    rows = [Row(**{**row, "bounds": tuple(row["bounds"])}) for note in notes for row in note["rows"]]
    # Every part is named even where it is empty, so that readers need not guess.
    counts = {part: sum(row.split == part for row in rows) for part in SPLITS}
    if not counts["train"]:
        raise _none_for_training(len(rows), left or {})
    distance_m = _distances(rows, may_touch)
    places = [(note["shard"]["name"], place) for note in notes for place in range(note["shard"]["num_rows"])]
    index.write(folder / INDEX, rows, places)
    files = [(f"{SHARDS}/{note['shard']['name']}.h5", note["shard"]["num_rows"]) for note in notes]
    virtual.write(folder, layout.shapes(), files)
    manifest = record("archive", configuration) | {
        "layout": layout.to_json(),
        "shards": [note["shard"] for note in notes],
        "splits": counts,
        "distance_m": distance_m,
        "left": dict(left or {}),
        "statistics": stats.to_json(stats.add(stats.from_json(note["sums"]) for note in notes)),
        "index_sha256": file_sha256(folder / INDEX),
        "virtual_sha256": file_sha256(folder / virtual.NAME),
    }
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True, default=str) + "\n")
    # Opened as a reader would, so that what was just written is known to be readable.
    return open_archive(folder)


def _none_for_training(num_patches: int, left: Mapping[str, int]) -> SplitError:
    why = ", ".join(f"{reason.removeprefix('left: ')} {number}" for reason, number in left.items())
    return SplitError(
        f"{num_patches} patches, none for training" + (f"; left away: {why}" if why else ""),
        "at least one",
        "mend why they were left away, and cut into another folder (-o)",
    )


def _distances(rows: Sequence[Row], may_touch: bool) -> dict[str, float | None]:
    places = index.places(rows)
    distance_m = split.distances(places)
    # Published splits are what results in papers rest on: they are told about, not mended.
    if not may_touch:
        split.check_apart(places, distance_m)
    return distance_m


def stands(folder: Path, name: str) -> bool:
    """Whether a shard and what belongs beside it were written whole; checksums are not looked at (see `verify`)."""
    try:
        shard = Shard(**json.loads((folder / SHARDS / f"{name}.json").read_text("utf-8"))["shard"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return looks_broken(folder, shard) is None


class Archive:
    """Patches on disk, mapped into memory. Reading the same archive from several threads is safe.

    Attributes:
        folder: Where it stands.
        layout: Bands, sizes, legend, targets.
        manifest: The whole content of archive.json.
        shards: What the manifest says about every shard.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest
        self.layout = Layout.from_json(manifest["layout"])
        self.shards = tuple(Shard(**entry) for entry in manifest["shards"])
        sizes = [shard.num_rows for shard in self.shards]
        self._first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._shapes = self.layout.shapes()
        self._splits = np.asarray(index.read_column(folder / INDEX, "split"))
        # A foreign index would give patches a part that they do not have.
        if len(self._splits) != len(self):
            raise ValueError(f"{INDEX} of {len(self._splits)} rows for {len(self)} patches")
        # Filled as shards are asked for: an archive of a thousand of them opens at once.
        self._maps: dict[int, dict[str, NDArray[Any]]] = {}
        _allow_files(len(self.shards))

    def __len__(self) -> int:
        return int(self._first[-1])

    def __repr__(self) -> str:
        return f"Archive({str(self.folder)!r}, {len(self)} patches of {self.layout.patch_px} px)"

    @functools.cached_property
    def statistics(self) -> dict[str, stats.BandSums]:
        """Sums of each band over the valid pixels of the training part, in stored numbers."""
        return stats.from_json(self.manifest["statistics"])

    def mean_and_std(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation of the physical values of each band over the training part.

        Raises:
            SplitError: The training part has no valid pixel.
        """
        bands = [b for view in (*self.layout.views, self.layout.pair) if view for b in view.bands]
        return {b.name: (self.statistics[b.name].mean(b), self.statistics[b.name].std(b)) for b in bands}

    def describe(self) -> list[str]:
        """What the archive holds, in lines for people."""
        counts, left = self.manifest["splits"], self.manifest["left"]
        metres = {name: value for name, value in self.manifest["distance_m"].items() if value is not None}
        layout = self.layout
        size = f"{layout.patch_px} px of {layout.pixel_size_m:g} m"
        pair = [f"beside {len(layout.pair.bands)} bands of {layout.pair.sensor}, {layout.pair.px} px of "
                f"{layout.pair.pixel_size_m:g} m"] if layout.pair else []  # fmt: skip
        return [
            f"{len(self)} patches of {size}, {len(layout.bands)} bands of {layout.sensor}, legend {layout.legend.name}",
            *pair,
            "parts: " + ", ".join(f"{name} {num}" for name, num in counts.items()),
            "apart: " + (", ".join(f"{name} {value:.0f} m" for name, value in metres.items()) or "one part only"),
            *(f"{reason}: {num}" for reason, num in left.items()),
        ]

    def table(self) -> geopandas.GeoDataFrame:
        """The whole index, one row a patch, in the order of indices."""
        return index.read(self.folder / INDEX)

    def ids(self) -> list[str]:
        """The name of each patch, in the order of indices."""
        return index.read_column(self.folder / INDEX, "id")

    def part(self, name: Split) -> Int64[np.ndarray, " n"]:
        """Indices of the patches of one part, ascending.

        Raises:
            SplitError: The part is empty or has another name.
        """
        found = np.flatnonzero(self._splits == name).astype(np.int64)
        if not found.size:
            counts = ", ".join(f"{part} {num}" for part, num in self.manifest["splits"].items())
            raise SplitError(
                f"the part {name} of {self.folder}",
                f"a part that has patches ({counts})",
                "cut the archive with more blocks or other parts: --set fractions=[0.6,0.2,0.2]",
            )
        return found

    def batch(self, indices: Sequence[int] | Int64[np.ndarray, " n"]) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        """Stored numbers, targets and `valid` of these patches, in this order.

        Patches that follow each other in one shard come without a copy, as read-only views of the file.

        Raises:
            ArchiveError: There is no such patch.
        """
        wanted = np.asarray(indices, np.int64)
        self._check(wanted)
        # No HDF5 from here on: its lock and its copies cost more than the bytes.
        shards = np.searchsorted(self._first, wanted, side="right") - 1
        rows = wanted - self._first[shards]
        if wanted.size and shards[0] == shards[-1] and (np.diff(wanted) == 1).all():
            return {key: array[rows[0] : rows[-1] + 1] for key, array in self._map(int(shards[0])).items()}
        return self._gather(shards.tolist(), rows.tolist())

    def _check(self, wanted: Int64[np.ndarray, " n"]) -> None:
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < len(self):
            foreign = wanted[(wanted < 0) | (wanted >= len(self))]
            raise ArchiveError(
                f"patches {foreign[:5].tolist()} of {self.folder}",
                f"indices 0 to {len(self) - 1}",
                "take indices from Archive.part",
            )

    def _gather(self, shards: list[int], rows: list[int]) -> dict[str, Shaped[np.ndarray, "n ..."]]:
        if not rows:
            return {key: np.empty((0, *shape), dtype) for key, (shape, dtype) in self._shapes.items()}
        places = list(zip([self._map(shard) for shard in shards], rows, strict=True))
        # One call for each array: the steps of a loop in Python would cost as much as copying a small one.
        return {
            key: np.concatenate([source[key][row] for source, row in places]).reshape(-1, *shape)
            for key, (shape, _) in self._shapes.items()
        }

    def _map(self, shard: int) -> dict[str, NDArray[Any]]:
        # Two threads may both map a shard that is new; one mapping is then forgotten, which does no harm.
        if shard not in self._maps:
            self._maps[shard] = _map_shard(self.folder, self.shards[shard], self.layout)
        return self._maps[shard]


def open_archive(folder: Path) -> Archive:
    """The archive in `folder`.

    Raises:
        ArchiveError: It is none, of another format, not finished, or a shard is missing or cut short.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
        if manifest.get("format") != FORMAT or manifest.get("kind") != "archive":
            raise ArchiveError(
                f"{path} with format {manifest.get('format')} of kind {manifest.get('kind')}",
                f"an archive of patches with format {FORMAT}",
                "check the folder, or read it with the landweave that wrote it",
            )
        archive = Archive(folder, manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ArchiveError):
            raise
        refuse(folder, error)
    # Sizes cost a look at the folder; checksums cost reading it all, and have a command of their own.
    for shard in archive.shards:
        if reason := looks_broken(folder, shard):
            raise ArchiveError(f"{_file(folder, shard)}: {reason}", "a whole shard", _CUT_AGAIN)
    return archive


def looks_broken(folder: Path, shard: Shard) -> str | None:
    """Why a shard cannot be whole, as far as a look at the folder tells; None where it may be."""
    path = _file(folder, shard)
    if not path.is_file():
        return "missing"
    size = path.stat().st_size
    return None if size == shard.num_bytes else f"{size} bytes, expected {shard.num_bytes}"


def _file(folder: Path, shard: Shard) -> Path:
    return folder / SHARDS / f"{shard.name}.h5"


def refuse(folder: Path, error: Exception) -> NoReturn:
    """Say that `folder` is no archive, or not yet one, after `error`."""
    # The manifest is written last: shards without one are a job that was stopped, not damage.
    begun = (folder / SHARDS).is_dir() and not (folder / MANIFEST).exists()
    raise ArchiveError(
        f"{folder}: cutting was begun and not ended" if begun else f"{folder}: {error}",
        f"a folder with {MANIFEST}, {INDEX} and {SHARDS}/",
        "run the same landweave patch command again, it goes on where it stopped" if begun else _CUT_AGAIN,
    ) from error


def _check_arrays(layout: Layout, arrays: Arrays, num_rows: int) -> None:
    wanted = {key: ((num_rows, *shape), dtype) for key, (shape, dtype) in layout.shapes().items()}
    given = {key: (array.shape, array.dtype) for key, array in arrays.items()}
    if wanted != given or not num_rows:
        raise ArchiveError(
            f"arrays {given} for {num_rows} patches", f"arrays {wanted}", "cut every patch with the archive's layout"
        )


def _hdf5(layout: Layout, arrays: Arrays) -> tuple[bytes, dict[str, int]]:
    """The bytes of a shard, and where in them each array begins.

    It is made in memory, because the HDF5 library does not survive a disk that is full.
    """
    starts, options = {}, {"driver": "core", "backing_store": False, "libver": "v110"}
    # Page-aligned, so that every array can be mapped and read as its own type.
    # Threads of one process write side by side, and HDF5 knows files in memory by their names.
    name = f"shard-{threading.get_ident()}"
    with h5py.File(name, "w", alignment_threshold=1, alignment_interval=_PAGE, **options) as file:
        file.attrs["format"] = FORMAT
        file.attrs["layout"] = json.dumps(layout.to_json(), sort_keys=True)
        # Without times, and in the layout's order: the same patches must give the same bytes.
        for key in layout.shapes():
            data = file.create_dataset(key, data=np.ascontiguousarray(arrays[key]), track_times=False)
            starts[key] = int(data.id.get_offset())
        file.flush()
        return file.id.get_file_image(), starts


def _map_shard(folder: Path, shard: Shard, layout: Layout) -> dict[str, NDArray[Any]]:
    path = _file(folder, shard)
    try:
        # The mapping outlives the open file, and the arrays keep the mapping alive.
        with path.open("rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return {key: _view(pages, shard, key, *layout.shapes()[key]) for key in layout.shapes()}
    except (OSError, ValueError, KeyError) as error:
        raise ArchiveError(f"{path}: {error}", "a whole shard", _CUT_AGAIN) from error


def _allow_files(num: int) -> None:
    """Let this process keep `num` more files open: a mapped file counts as one, and the usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = num + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _view(pages: mmap.mmap, shard: Shard, key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    whole = (shard.num_rows, *shape)
    flat = np.frombuffer(pages, dtype, count=int(np.prod(whole)), offset=shard.starts[key])
    return flat.reshape(whole)
