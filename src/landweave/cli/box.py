"""The four numbers of a rectangle, as an option says them."""

from __future__ import annotations

import math

import typer


def box(text: str | None, option: str, names: str) -> tuple[float, ...] | None:
    """The numbers of `text`, which stand with commas between them; None where the option was left away.

    Args:
        text: What was given.
        option: The option's name, for the message.
        names: What the four numbers are, for the message.

    Raises:
        typer.BadParameter: They are not four finite numbers.
    """
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise typer.BadParameter(f"four numbers {names}, but given was {text}", param_hint=option)
    return numbers
