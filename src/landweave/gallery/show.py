"""A gallery to look at: contact sheets of its buckets, the plane of embeddings, the curve, and a page of them."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from geopandas import GeoDataFrame
from jaxtyping import Bool, Float32, UInt8

from landweave.atomic import write_bytes, write_text
from landweave.errors import ArchiveError, GalleryError
from landweave.gallery.images import CURVE, Gallery
from landweave.patches.archive import Archive, open_archive
from landweave.recipe.unlabelled import bands_of
from landweave.report import gallery as pictures
from landweave.report.figures import png_bytes, stretch
from landweave.sensors import sensor
from landweave.train.draw import order

PER_BUCKET, PER_ROW = 48, 12
# Smaller patches are enlarged pixel by pixel, so that a sheet can be looked at.
_LEAST_PX = 64


@dataclass(frozen=True, eq=False)
class Shown:
    """Patches that stand on one sheet.

    Attributes:
        bucket: Number of the bucket.
        rows: Its images that are shown, the nearest to its code first.
        num_images: How many it has in all.
    """

    bucket: int
    rows: GeoDataFrame
    num_images: int


def show(gallery: Gallery, out: Path, archives: tuple[Path, ...] = (), per_bucket: int = PER_BUCKET) -> list[Path]:
    """Write bucket-N.png for every bucket, plane.svg, curve.svg and index.html into `out`; gives what was written.

    Args:
        gallery: What to look at.
        out: The folder of the pictures.
        archives: Where the archives lie now, for those that were moved since their patches came in.
        per_bucket: Most patches of a sheet, drawn evenly among the bucket's.

    Raises:
        GalleryError: An archive is not where it was, or is another one.
    """
    table = gallery.table()
    sheets = [_shown(table[table["bucket"] == bucket], bucket, per_bucket) for bucket in range(gallery.num_buckets)]
    held = _archives(gallery, archives)
    lit = _lit(held, sheets)
    written = []
    for one, images in zip(sheets, lit, strict=True):
        if images:
            path = out / f"bucket-{one.bucket}.png"
            write_bytes(path, png_bytes(pictures.sheet(images, PER_ROW)))
            written.append(path)
    places = table[["plane_x", "plane_y"]].to_numpy(np.float32)
    write_text(out / "plane.svg", pictures.plane(places, table["bucket"].to_numpy(np.int32), gallery.num_buckets))
    curve = gallery.folder / CURVE
    drawn = ["plane.svg"]
    if curve.is_file():
        write_text(out / CURVE, curve.read_text("utf-8"))
        drawn.append(CURVE)
    write_text(out / "index.html", _page(gallery, sheets, drawn))
    return [*written, *(out / name for name in drawn), out / "index.html"]


def _shown(rows: GeoDataFrame, bucket: int, most: int) -> Shown:
    drawn = np.sort(order(0, bucket, np.arange(len(rows)))[:most])
    return Shown(bucket, rows.iloc[drawn].sort_values(["distance", "id"], kind="stable"), len(rows))


def _archives(gallery: Gallery, moved: tuple[Path, ...]) -> dict[str, Archive]:
    """The archives of all images by identity."""
    here = {bands_of(one, None).identity: one for one in map(open_archive, moved)}
    for entry in gallery.facts["archives"]:
        if entry["identity"] not in here:
            here[entry["identity"]] = _where_it_was(Path(entry["folder"]), str(entry["identity"]))
    return here


def _where_it_was(folder: Path, identity: str) -> Archive:
    try:
        found = open_archive(folder)
        now = bands_of(found, None).identity
    except ArchiveError as error:
        raise GalleryError(
            f"the archive {folder}, whose patches are in the gallery: {error.given}",
            "the archive where it was when its patches came in",
            "say where it lies now with --archive FOLDER",
        ) from error
    if now != identity:
        raise GalleryError(
            f"the archive {folder}, which has changed since its patches came into the gallery",
            "the archive as it was",
            "say where the old one lies with --archive FOLDER, or build another gallery",
        )
    return found


def _lit(archives: dict[str, Archive], sheets: list[Shown]) -> list[list[UInt8[np.ndarray, "h w 3"]]]:
    """The patches of each sheet as pictures, with one stretch for all, so that dark buckets look dark."""
    found = [_colours(archives[row.archive], int(row.number)) for one in sheets for row in one.rows.itertuples()]
    if not found:
        return [[] for _ in sheets]
    wide = stretch(np.concatenate([rgb for rgb, _ in found], 2), np.concatenate([valid for _, valid in found], 1))
    edge = found[0][1].shape[1]
    times = max(1, -(-_LEAST_PX // edge))
    every = [part.repeat(times, 0).repeat(times, 1) for part in np.split(wide, len(found), axis=1)]
    ends = np.cumsum([len(one.rows) for one in sheets])
    return [every[end - len(one.rows) : end] for one, end in zip(sheets, ends, strict=True)]


def _colours(archive: Archive, number: int) -> tuple[Float32[np.ndarray, "3 h w"], Bool[np.ndarray, "h w"]]:
    """Red, green and blue of a patch in its unit, or its first band in grey where it lacks one of them."""
    layout = archive.layout
    arrays = archive.batch([number])
    physical = {
        band.name: values.repeat(layout.patch_px // view.px, 0).repeat(layout.patch_px // view.px, 1)
        for view in layout.views
        for band, values in zip(view.bands, view.to_physical(arrays[view.key])[0], strict=True)
    }
    wanted = sensor(layout.sensor).rgb
    names = wanted if set(wanted) <= set(physical) and wanted else (layout.bands[0],) * 3
    return np.stack([physical[name] for name in names]), np.array(arrays["valid"][0], np.bool_)


def _page(gallery: Gallery, sheets: list[Shown], drawn: list[str]) -> str:
    parts = "\n".join(_section(one, int(gallery.centroids[one.bucket])) for one in sheets)
    figures = "".join(f'<img src="{name}" alt="{name.split(".")[0]}">' for name in drawn)
    first = html.escape(gallery.describe()[0])
    return f"{_HEAD}<h1>Gallery</h1>\n<p>{first}</p>\n<div>{figures}</div>\n{parts}\n</body></html>\n"


def _section(one: Shown, code: int) -> str:
    head = f"<h2>Bucket {one.bucket}</h2>\n<p>{one.num_images} images, code {code:016x}"
    if not one.num_images:
        return f"{head}</p>"
    picture = f'<img src="bucket-{one.bucket}.png" alt="Patches of bucket {one.bucket}">'
    return f"{head}; {len(one.rows)} of them:</p>\n{picture}"


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Gallery</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
img { max-width: 100%; }
</style></head><body>
"""
