"""What checks the shapes in signatures while tests run: installed by conftest.py before landweave is imported."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

# Rooms whose functions take and give arrays, and little else.
ROOMS = ("metrics", "spectra", "classical", "raster", "models")
_SHAPED = re.compile(r"\b(Bool|Float|Int|UInt|Num|Real|Shaped)\d*\[")
_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def install() -> None:
    """Check arrays that functions of `ROOMS` take and give, in all modules imported from now on."""
    install_import_hook([f"landweave.{room}" for room in ROOMS], f"{__name__}.checked")


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with its arrays checked; what else its signature says is left to mypy."""
    hints = dict(getattr(function, "__annotations__", {}))
    shaped = {name: hint for name, hint in hints.items() if _SHAPED.search(_meant(hint, function))}
    if not shaped:
        return function
    function.__annotations__ = shaped
    made = _check(function)
    made.__annotations__ = hints
    return made


def _meant(hint: Any, function: Callable[..., Any]) -> str:
    """A hint as text, with the name of a type in its module resolved ("Values")."""
    known = getattr(function, "__globals__", {})
    return str(known.get(hint, hint)) if isinstance(hint, str) else str(hint)
