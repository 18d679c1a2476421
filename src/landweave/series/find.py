"""Changes by whichever method the rules name. Pure."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from landweave.legend import Legend
from landweave.series.change import Found, Rules, find_by_rules
from landweave.series.hmm import find_by_hmm
from landweave.series.timeline import Timeline


def find(
    labels: UInt8[np.ndarray, "s n"], top: UInt8[np.ndarray, "s n"], line: Timeline, rules: Rules, legend: Legend
) -> Found:
    """What stands still in sequences of labels, and what changes for good.

    Args:
        labels: Indices of the legend, IGNORE where nothing is known.
        top: Probability of each label in steps of 1/255.
        line: What the places of the sequence mean.
        rules: Method and parameters.
        legend: The classes.

    Raises:
        ConfigError: The rules contradict themselves.
        LegendError: They name a foreign class.
    """
    if rules.method == "hmm":
        return find_by_hmm(labels, top, line, rules, legend)
    return find_by_rules(labels, top, line, rules, len(legend))
