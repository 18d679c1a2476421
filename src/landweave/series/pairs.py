"""Which dates of several years belong together, and which of many dates to keep. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from landweave.series.plan import Dated


def day_of_year(date: dt.date) -> int:
    """Days since the first of January of its year."""
    return (date - dt.date(date.year, 1, 1)).days


def one_a_day(scenes: Sequence[Dated]) -> tuple[list[Dated], list[Dated]]:
    """By date, of each day the scene with the fewest clouds; and those that stand behind it."""
    best: dict[dt.date, Dated] = {}
    for scene in sorted(scenes, key=lambda scene: (scene.date, _cloud(scene), scene.id)):
        best.setdefault(scene.date, scene)
    kept = sorted(best.values(), key=lambda scene: scene.date)
    return kept, [scene for scene in scenes if best[scene.date] is not scene]


def pair(years: Mapping[int, Sequence[Dated]], most_days: int) -> list[tuple[Dated, ...]]:
    """As many groups as there can be of one scene a year whose days of the year lie within `most_days`.

    Taken from the first of January on: where the earliest scenes that are left lie together they are a group, else
    the earliest of all fits nobody who is left. No other choice gives more groups.

    Args:
        years: Scenes of each year, by date.
        most_days: How far the first and the last of a group may lie apart.

    Returns:
        The groups by date, each with its years in order.
    """
    places = dict.fromkeys(sorted(years), 0)
    groups = []
    while all(places[year] < len(years[year]) for year in places):
        heads = tuple(years[year][place] for year, place in places.items())
        ahead = [day_of_year(scene.date) for scene in heads]
        if max(ahead) - min(ahead) <= most_days:
            groups.append(heads)
            places = {year: place + 1 for year, place in places.items()}
        else:
            places[list(places)[ahead.index(min(ahead))]] += 1
    return groups


def thin(groups: Sequence[tuple[Dated, ...]], num: int) -> list[tuple[Dated, ...]]:
    """`num` of the groups, spread over the year: of the two that lie nearest, the cloudier goes, until enough are gone.

    Groups are compared by the mean day and the mean share of clouds of their scenes; without clouds the later goes.
    """
    kept = list(groups)
    while len(kept) > max(num, 1):
        days = [_middle(group) for group in kept]
        near = min(range(len(kept) - 1), key=lambda place: days[place + 1] - days[place])
        del kept[near if _clouds(kept[near]) > _clouds(kept[near + 1]) else near + 1]
    return kept


def _middle(group: Sequence[Dated]) -> float:
    return sum(day_of_year(scene.date) for scene in group) / len(group)


def _clouds(group: Sequence[Dated]) -> float:
    return sum(_cloud(scene) for scene in group) / len(group)


def _cloud(scene: Dated) -> float:
    # What nobody knows is judged as a sky that is half covered.
    return 0.5 if scene.cloud is None else scene.cloud
