"""Another archive's patches into a gallery: their codes, from the networks that built it, and nothing rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

from geopandas import GeoDataFrame

from landweave.atomic import locked
from landweave.errors import GalleryError
from landweave.gallery.cluster import Space
from landweave.gallery.embed import check_fit, embed, pieces, together
from landweave.gallery.frame import entry, frame_of, joined
from landweave.gallery.hash import code
from landweave.gallery.images import (
    ENCODER,
    HASH,
    SPACE,
    WORK,
    Gallery,
    check_card,
    open_gallery,
    write_facts,
    write_images,
)
from landweave.jobs.executor import Executor
from landweave.jobs.ledger import opened
from landweave.jobs.run import Progress, fulfil
from landweave.models.card import load_parts
from landweave.patches.archive import Archive, open_archive
from landweave.patches.layout import check_same_bands
from landweave.recipe.unlabelled import bands_of


def add(folder: Path, archive_folder: Path, executor: Executor) -> Iterator[Progress]:
    """Put the patches of an archive into the gallery in `folder`; an archive that it holds already changes nothing.

    Buckets, their codes and both networks stay as they are. A run that was stopped goes on, with the same bytes.

    Raises:
        GalleryError: There is no gallery, it has another encoder, or an image of that name.
        CardError: The archive is of another sensor, unit or pixel size.
        LandweaveError: Something else that the user can mend; what is done is kept.
    """
    gallery, archive = open_gallery(folder), open_archive(archive_folder)
    _check(gallery, archive)
    identity = bands_of(archive, None).identity
    if any(one["identity"] == identity for one in gallery.facts["archives"]):
        return
    work = work_of(folder, archive_folder)
    cards = {ENCODER: str(gallery.facts["encoder"]), HASH: gallery.card.identity}
    embedding, coding = (
        pieces(word, archive, folder / card, cards[card], work) for word, card in (("embed", ENCODER), ("code", HASH))
    )
    with opened(work, {"archive": identity, **cards}) as ledger:
        intact = attrgetter("is_written")
        for function, tasks in ((embed, embedding), (code, coding)):
            phase = function.__name__
            yield from fulfil(function, tasks, executor, ledger, phase=phase, unit="pieces", intact=intact)
        if not all(piece.is_written for piece in (*embedding, *coding)):
            return
        plane = Space.load(folder / SPACE).plane(together(embedding))
        new = frame_of(archive, identity, together(coding), gallery.centroids, plane)
        _write(folder, archive, identity, new)


def work_of(folder: Path, archive: Path) -> Path:
    """Where the job that adds an archive keeps its work."""
    return folder / WORK / f"add-{bands_of(open_archive(archive), None).identity[:16]}"


def _check(gallery: Gallery, archive: Archive) -> None:
    encoder, _ = load_parts(gallery.folder / ENCODER)
    check_card(gallery.folder / ENCODER, encoder, str(gallery.facts["encoder"]))
    check_fit(gallery.card, archive)
    check_same_bands(archive.layout, gallery.card.bands)
    if archive.layout.patch_px != gallery.patch_px:
        raise GalleryError(
            f"an archive of patches of {archive.layout.patch_px} pixels",
            f"patches of {gallery.patch_px} pixels, as the gallery's",
            f"cut it again with --set patch_px={gallery.patch_px}",
        )


def _write(folder: Path, archive: Archive, identity: str, new: GeoDataFrame) -> None:
    # Held as by a build, and read again: another archive may have come in meanwhile.
    with locked(folder):
        gallery = open_gallery(folder)
        old = gallery.table()
        # A run that was killed between the two files has written its rows, and not told of them.
        old = old[old["archive"] != identity]
        if len(both := set(old["id"]) & set(new["id"])):
            raise GalleryError(
                f"{archive.folder} with image {min(both)} and {len(both) - 1} more that {folder} holds already",
                "images of other names",
                "add each scene once, or build one gallery from one archive of them all",
            )
        write_images(folder, joined(old, new))
        held = [one for one in gallery.facts["archives"] if one["identity"] != identity]
        facts = {**gallery.facts, "archives": [*held, entry(archive, identity)]}
        write_facts(folder, facts, gallery.centroids)
