"""What a network of pairs takes beside a card's own bands: the bands of another sensor, and how they are normalised."""

from __future__ import annotations

from dataclasses import dataclass

from landweave.models.pair.bands import CardBands, OtherBands


@dataclass(frozen=True)
class Second(OtherBands):
    """The other view that a card of pairs takes."""


class CardSecond(CardBands):
    """The other view that a card of pairs takes."""

    def made(self) -> Second:
        """The value that this text stands for.

        Raises:
            CardError: It contradicts itself.
        """
        return Second(**self.model_dump())
