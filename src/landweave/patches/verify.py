"""Compare an archive with its checksums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from landweave.patches import virtual
from landweave.patches.archive import INDEX, MANIFEST, SHARDS, Shard, looks_broken, refuse
from landweave.provenance import file_sha256


@dataclass(frozen=True, slots=True)
class Broken:
    """A file of an archive that is not what the manifest says, and why."""

    file: str
    reason: str


def verify(folder: Path) -> Iterator[tuple[str, Broken | None]]:
    """Check every file of the archive against its checksum; gives each file, with what is wrong or None.

    Raises:
        ArchiveError: There is no readable manifest.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        shards = [Shard(**entry) for entry in manifest["shards"]]
        index_sha256, virtual_sha256 = manifest["index_sha256"], manifest.get("virtual_sha256")
    except (OSError, ValueError, KeyError, TypeError) as error:
        refuse(folder, error)
    yield INDEX, _compare(folder, INDEX, index_sha256)
    # Archives cut before there was such a file go without it.
    if virtual_sha256:
        yield virtual.NAME, _compare(folder, virtual.NAME, virtual_sha256)
    for shard in shards:
        name = f"{SHARDS}/{shard.name}.h5"
        # The size first: a file cut short need not be read to be known as broken.
        reason = looks_broken(folder, shard)
        yield name, Broken(name, reason) if reason else _compare(folder, name, shard.sha256)
    # A shard that nobody knows is the trace of another job, or of a copy gone wrong.
    known = {shard.name for shard in shards}
    for path in sorted((folder / SHARDS).glob("*.h5")):
        if path.stem not in known and not path.name.startswith("."):
            name = f"{SHARDS}/{path.name}"
            yield name, Broken(name, "not in the manifest")


def _compare(folder: Path, name: str, sha256: str) -> Broken | None:
    try:
        found = file_sha256(folder / name)
    except OSError as error:
        return Broken(name, str(error.strerror or error))
    return None if found == sha256 else Broken(name, f"checksum {found[:12]}..., expected {sha256[:12]}...")
