"""Real observations of which only two indices are known: told by the rule, beside labels whose meaning is not given."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landweave.datasets.psc_sample import ObservedIndices, read
from landweave.legend import IGNORE
from landweave.metrics.crosstable import CrossTable
from landweave.report import limbfigures as figures
from landweave.report.material import Table
from landweave.report.sections import Page, Section, Shown, write
from landweave.spectra.index_rule import CLASSES, by_indices

NOT_GIVEN = (
    "What the label ids mean is not given where the table was published: the columns below are ids, and no cell of the "
    "table says that the rule is right or wrong."
)
_RULE = (
    "Clear air where the cloud index is 4.5 or more; NAT where the NAT index lies above a line that was drawn on "
    "simulated spectra; else another cloud. Both indices as published: no spectra are at hand."
)


def against_labels(observed: ObservedIndices) -> CrossTable:
    """What the rule tells, as rows, against the ids of the published labels, as columns named by their numbers."""
    ids = sorted(set(observed.label.tolist()) - {IGNORE})
    place = np.full(256, IGNORE, np.uint8)
    place[ids] = np.arange(len(ids))
    told = by_indices(observed.cloud_index, observed.nat_index)
    return CrossTable.from_labels(CLASSES, [f"id {number}" for number in ids], told, place[observed.label])


def write_page(path: Path, out: Path) -> CrossTable:
    """Write a page with the observations over the pole, day by day, and the table against their labels.

    Args:
        path: The published table.
        out: The page.

    Raises:
        SpectraError: The table cannot be read.
        OutputError: The place cannot be written.
    """
    observed = read(path)
    told = by_indices(observed.cloud_index, observed.nat_index)
    maps = tuple(
        Shown(
            figures.pole(f"{day}", observed.latitude[rows], observed.longitude[rows], told[rows], CLASSES),
            f"{rows.sum()} observations of {day}, by the rule of two indices.",
        )
        for day in np.unique(observed.day)
        if (rows := observed.day == day).any()
    )
    counted = against_labels(observed)
    lines = tuple(
        (name, *(str(number) for number in row), str(sum(row)))
        for name, row in zip(counted.rows, counted.counts.tolist(), strict=True)
    )
    table = Table("The rule against the published labels", NOT_GIVEN, ("rule", *counted.columns, "all"), lines, path)
    facts = {
        "observations": str(len(observed)),
        "without an index": str(observed.num_missing),
        "longitudes made negative": str(observed.num_east),
    }
    sections = (Section("pole", "Over the pole", _RULE, maps), Section("labels", "Labels", "", (), (table,)))
    lead = "Real observations, told by two indices alone."
    write(Page("Polar stratospheric clouds by cloud and NAT index", lead, facts, sections), out)
    return counted
