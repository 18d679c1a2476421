"""How far reviewers agree on the events that several of them judged. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two reviewers agree.

    Attributes:
        names: The two.
        num_both: Events that both judged.
        num_same: Of these, on how many they say the same.
        kappa: Cohen's kappa (Cohen 1960, Educational and Psychological Measurement 20, 37-46): 1 full agreement, 0 as
            much as by chance; None where chance alone would agree always, or nothing was judged by both.
    """

    names: tuple[str, str]
    num_both: int
    num_same: int
    kappa: float | None

    @property
    def share(self) -> float | None:
        """Share of the events on which they say the same; None where there is none."""
        return self.num_same / self.num_both if self.num_both else None


def agreements(judged: Mapping[str, Mapping[str, Hashable]]) -> tuple[Agreement, ...]:
    """Agreement of every two reviewers that judged an event in common.

    Args:
        judged: Reviewer to event to what he says of it.
    """
    pairs = (_agreement(one, other, judged) for one, other in itertools.combinations(sorted(judged), 2))
    return tuple(pair for pair in pairs if pair.num_both)


def disputed(judged: Mapping[str, Mapping[str, Hashable]]) -> set[str]:
    """Events on which reviewers say different things."""
    said: dict[str, set[Hashable]] = {}
    for mine in judged.values():
        for event, what in mine.items():
            said.setdefault(event, set()).add(what)
    return {event for event, what in said.items() if len(what) > 1}


def _agreement(one: str, other: str, judged: Mapping[str, Mapping[str, Hashable]]) -> Agreement:
    both = judged[one].keys() & judged[other].keys()
    same = sum(judged[one][event] == judged[other][event] for event in both)
    return Agreement((one, other), len(both), same, _kappa(one, other, judged, both, same))


def _kappa(
    one: str, other: str, judged: Mapping[str, Mapping[str, Hashable]], both: set[str], num_same: int
) -> float | None:
    num = len(both)
    mine, its = (Counter(judged[name][event] for event in both) for name in (one, other))
    by_chance = sum(mine[what] * its[what] for what in mine) / max(num, 1) ** 2
    return None if not num or by_chance == 1 else (num_same / num - by_chance) / (1 - by_chance)
