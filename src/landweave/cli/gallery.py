"""The verb gallery: patches by bucket, a model for each, and what can be asked of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.executor import Machine, with_machine
from landweave.cli.gallery_train import train, which

gallery = typer.Typer(
    help="Patches alike in look and content by bucket, and a model for each bucket.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Folder = Annotated[Path, typer.Argument(help="The gallery.")]


@with_machine
def build(
    archive: Annotated[Path, typer.Argument(help="Archive of patches, from landweave patch.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The gallery; the same command again goes on.")],
    *,
    encoder: Annotated[
        Path | None, typer.Option(help="Card whose features are clustered; else one is learnt without labels.")
    ] = None,
    contrast: Annotated[
        Path | None, typer.Option(help="Recipe (task = contrast) by which that encoder is learnt.")
    ] = None,
    clusters: Annotated[str, typer.Option(help="FEWEST..MOST to choose from, or one number.")] = "2..12",
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Any key: --set hash.bits=32 --set contrast.epochs=50.")
    ] = None,
    machine: Machine,
) -> None:
    """Build a gallery of an archive: embed its patches, cluster them, and learn codes that find the clusters.

    Example: landweave gallery build archive/ -o gallery/

    With the encoder of a trained card: landweave gallery build archive/ -o gallery/ --encoder run/card
    """
    from landweave.cli.progress import draw
    from landweave.config import check, override, read_toml
    from landweave.gallery import build as building
    from landweave.gallery.images import open_gallery

    values: dict[str, object] = {"archive": archive, "encoder": encoder, "clusters": _range(clusters)}
    if contrast is not None:
        # The archive is the command's to say, the task the file's: a recipe of another kind is refused.
        values["contrast"] = {name: told for name, told in read_toml(contrast).items() if name != "archive"}
    job = check(building.GalleryJob, override(values, sets or []), "options")
    ending = draw(building.build(job, out, machine.begin(out)))
    ending.leave()
    for line in open_gallery(out).describe():
        typer.echo(line)


def search(
    folder: Folder,
    image: Annotated[str | None, typer.Argument(help="Id of an image of the gallery.")] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(help="A GeoTIFF with its sidecar instead of an image of the gallery.")
    ] = None,
    k: Annotated[int, typer.Option(help="How many to find.", min=1)] = 10,
) -> None:
    """Find the images nearest to one by Hamming distance.

    Example: landweave gallery search gallery/ S2A_scene_640_128 --k 10

    By a picture: landweave gallery search gallery/ --file place.tif
    """
    from landweave.gallery import search as searching
    from landweave.gallery.images import open_gallery

    if (image is None) == (file is None):
        raise typer.BadParameter("name an image of the gallery, or a file with --file", param_hint="IMAGE")
    opened = open_gallery(folder)
    code = searching.code_of(opened, image) if image is not None else searching.code_of_file(opened, Path(str(file)))
    found = searching.nearest(opened.codes, code, k)
    table = opened.table().iloc[found.rows]
    for distance, row in zip(found.distances, table.itertuples(), strict=True):
        typer.echo(f"{distance:3d} bits  bucket {row.bucket}  {row.id}  {row.scene}")


@with_machine
def add(
    folder: Folder,
    archive: Annotated[Path, typer.Argument(help="Archive of patches of the same sensor and size.")],
    *,
    machine: Machine,
) -> None:
    """Put another archive's patches into a gallery without rebuilding it.

    Example: landweave gallery add gallery/ new-archive/
    """
    from landweave.cli.progress import draw
    from landweave.gallery import add as adding
    from landweave.gallery.images import open_gallery

    ending = draw(adding.add(folder, archive, machine.begin(adding.work_of(folder, archive))))
    ending.leave()
    for line in open_gallery(folder).describe():
        typer.echo(line)


def show(
    folder: Folder,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the pictures.")],
    *,
    archives: Annotated[
        list[Path] | None, typer.Option("--archive", help="Where an archive lies now, if it was moved.")
    ] = None,
    per_bucket: Annotated[int, typer.Option(help="Most patches of a sheet.", min=1)] = 48,
) -> None:
    """Draw contact sheets of every bucket and the plane of embeddings: PNG, SVG and a page.

    Example: landweave gallery show gallery/ -o pictures/
    """
    from landweave.gallery import show as showing
    from landweave.gallery.images import open_gallery

    for path in showing.show(open_gallery(folder), out, tuple(archives or ()), per_bucket):
        typer.echo(str(path))


def _range(text: str) -> tuple[int, int]:
    from landweave.errors import ConfigError

    first, _, last = text.partition("..")
    try:
        return int(first), int(last or first)
    except ValueError as error:
        raise ConfigError(f"--clusters {text}", "FEWEST..MOST", "write --clusters 2..12, or --clusters 6") from error


for _name, _function in (
    ("build", build),
    ("search", search),
    ("add", add),
    ("show", show),
    ("train", train),
    ("which", which),
):
    gallery.command(_name, no_args_is_help=True)(_function)
