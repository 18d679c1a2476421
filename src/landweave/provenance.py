"""What lies beside every output: the resolved configuration, version, commit and fingerprint."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landweave.atomic import write_text

FORMAT = 1
_LIBRARIES = ("torch", "numpy", "rasterio", "h5py", "scikit-learn", "odc-geo")


def canonical(value: Any) -> str:
    """One text for one value: JSON with sorted keys and no spaces. Paths and other types are written by `str`."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)


def fingerprint(value: Any) -> str:
    """SHA-256 (64 hexadecimal digits) of the canonical text: equal values have equal fingerprints."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogateescape")).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version() -> str:
    """The version of landweave that runs."""
    return importlib.metadata.version("landweave")


def versions() -> dict[str, str]:
    """Versions of landweave, Python and the libraries that results depend on."""
    found = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {"landweave": version(), "python": platform.python_version(), **found}


def commit() -> str | None:
    """The git commit of the checkout that landweave runs from, or None where it runs from an installed wheel."""
    git = Path(__file__).parents[2] / ".git"
    head = git / "HEAD"
    if not head.is_file():
        return None
    text = head.read_text().strip()
    if not text.startswith("ref: "):
        return text
    name = text.removeprefix("ref: ")
    return _loose_ref(git / name) or _packed_ref(git / "packed-refs", name)


def _loose_ref(path: Path) -> str | None:
    return path.read_text().strip() if path.is_file() else None


def _packed_ref(path: Path, name: str) -> str | None:
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), None)


def record(kind: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What to keep beside an output of `kind`: everything that decided it. Holds no time, so that it can be hashed."""
    return {
        "format": FORMAT,
        "kind": kind,
        "configuration": dict(configuration),
        "fingerprint": fingerprint({"kind": kind, "configuration": configuration}),
        "versions": versions(),
        "commit": commit(),
    }


def write_record(path: Path, kind: str, configuration: Mapping[str, Any]) -> None:
    """Write `record` as indented JSON at `path`, aside and renamed."""
    text = json.dumps(record(kind, configuration), indent=1, sort_keys=True, default=str, ensure_ascii=False)
    write_text(path, text + "\n")
