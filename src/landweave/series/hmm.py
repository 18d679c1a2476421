"""Changes by a hidden Markov model: the likeliest sequence of true classes behind the labels. Pure.

As in Abercrombie and Friedl, IEEE TGRS 2016 (Improving the consistency of multitemporal land cover maps using a hidden
Markov model), with changes that cannot be left out, and labels of spans that overlap counted for less than one each.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from landweave.errors import ConfigError
from landweave.legend import IGNORE, Legend
from landweave.series.change import SURE, Changes, Found, Rules, settled
from landweave.series.sequence import changing
from landweave.series.timeline import Timeline

_BLOCK = 4096
_LEAST = 1 / 512
"""The least probability of a label: half a step of what uint8 can tell."""


def allowed_changes(legend: Legend, told: tuple[str, ...]) -> Bool[np.ndarray, "k k"]:
    """Which class may become which: those told as FROM>TO, all where none is told.

    Raises:
        ConfigError: One is not two names with > between.
        LegendError: A name is none of the legend.
    """
    if not told:
        return np.asarray(~np.eye(len(legend), dtype=np.bool_))
    found = np.zeros((len(legend), len(legend)), np.bool_)
    for text in told:
        old, sign, new = text.partition(">")
        if not sign:
            raise ConfigError(f"an allowed change {text}", "FROM>TO with names of classes", "write forest>bare soil")
        found[legend.index(old.strip()), legend.index(new.strip())] = True
    return found


def find_by_hmm(
    labels: UInt8[np.ndarray, "s n"], top: UInt8[np.ndarray, "s n"], line: Timeline, rules: Rules, legend: Legend
) -> Found:
    """Changes where the likeliest sequence of classes changes; arguments as of `change.find_by_rules`.

    Raises:
        ConfigError: An allowed change is none.
        LegendError: It names a foreign class.
    """
    steps = transitions(allowed_changes(legend, rules.allowed), rules.change_chance)
    base, sure, parts = labels[0].copy(), top.mean(0, np.float32).astype(np.uint8), []
    places = np.flatnonzero(changing(labels))
    for start in range(0, len(places), _BLOCK):
        here = places[start : start + _BLOCK]
        some, its_top = labels.take(here, 1), top.take(here, 1)
        path = viterbi(evidence(some, its_top, rules.weight or min(2 / line.half, 1.0), len(legend)), steps)
        path[:, (some == IGNORE).all(0)] = IGNORE
        found = _settled(path, some, its_top, line, rules)
        base[here], sure[here] = found.base, found.top
        c = found.changes
        parts.append(Changes(here[c.pixel], c.place, c.day, c.old, c.new, c.probability))
    return Found(base, sure, Changes.joined(parts))


def _settled(
    path: UInt8[np.ndarray, "s n"],
    labels: UInt8[np.ndarray, "s n"],
    top: UInt8[np.ndarray, "s n"],
    line: Timeline,
    rules: Rules,
) -> Found:
    begin = max(rules.start_maps, 1)
    pixel, later = np.nonzero((path[begin:] != path[begin - 1 : -1]).T)
    place = later + begin
    base = path[-1].copy()
    base[pixel[::-1]] = path[place[::-1] - 1, pixel[::-1]]
    return settled(labels, top, base, (pixel, place, path[place, pixel]), line)


def transitions(allowed: Bool[np.ndarray, "k k"], chance: float) -> Float32[np.ndarray, "k k"]:
    """Logarithms of how likely each class (row) becomes each other one: `chance` in equal shares to those allowed."""
    num = allowed.sum(1, keepdims=True)
    share = np.where(allowed, chance / np.maximum(num, 1), 0)
    np.fill_diagonal(share, np.where(num[:, 0] > 0, 1 - chance, 1))
    with np.errstate(divide="ignore"):
        return np.log(share).astype(np.float32)


def evidence(
    labels: UInt8[np.ndarray, "s n"], top: UInt8[np.ndarray, "s n"], weight: float, num_classes: int
) -> Float32[np.ndarray, "s k n"]:
    """Logarithm of the probability of every class, of which one label's is known; the rest is shared equally."""
    sure = np.clip(top.astype(np.float32) / SURE, _LEAST, 1 - _LEAST)
    others = np.log((1 - sure) / max(num_classes - 1, 1)) * np.float32(weight)
    own = np.log(sure) * np.float32(weight)
    classes = np.arange(num_classes, dtype=np.uint8)[:, None]
    told = np.where(labels[:, None] == classes, own[:, None], others[:, None])
    return np.where((labels == IGNORE)[:, None], np.float32(0), told).astype(np.float32)


def viterbi(evidence: Float32[np.ndarray, "s k n"], steps: Float32[np.ndarray, "k k"]) -> UInt8[np.ndarray, "s n"]:
    """The likeliest sequence of classes; every class is as likely to begin with. Of equal ones the first of the legend.

    Args:
        evidence: Logarithm of the probability of what was seen, for every place and class.
        steps: Logarithm of the probability that a class (row) becomes another (column) from one place to the next.
    """
    num, num_classes, width = evidence.shape
    back = np.zeros((num, num_classes, width), np.uint8)
    score = evidence[0]
    for place in range(1, num):
        best = np.full_like(score, -np.inf)
        for old in range(num_classes):
            reached = score[old] + steps[old][:, None]
            better = reached > best
            back[place][better] = old
            np.maximum(best, reached, out=best)
        score = best + evidence[place]
    path = np.empty((num, width), np.uint8)
    path[-1] = score.argmax(0)
    for place in range(num - 1, 0, -1):
        path[place - 1] = np.take_along_axis(back[place], path[place][None].astype(np.int64), 0)[0]
    return path
