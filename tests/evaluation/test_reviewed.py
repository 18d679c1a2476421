"""What units judged on the page say: areas of change by strata that are no classes, and what is no sample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.evaluation.making import LEGEND

from landweave.config import check
from landweave.errors import LegendError, SampleError
from landweave.evaluation.result import read_evaluation
from landweave.evaluation.reviewed import ReviewedJob, estimate, run

HEADER = {
    "format": 1,
    "job": "abc",
    "legend": {"name": "three", "source": "", "classes": [asdict(entry) for entry in LEGEND.classes]},
}
# Stratum: pixels of 0.01 ha, units drawn, of which so many are a change in truth.
STRATA = {"stable": (90_000, 100, 2), "rim": (8_000, 50, 15), "change": (2_000, 50, 40)}
MEADOW, WATER, TOWN = LEGEND.ids


def table(path: Path, rows: list[dict[str, Any]], header: Mapping[str, Any] = HEADER) -> Path:
    made = pa.Table.from_pylist(rows).replace_schema_metadata({b"landweave": json.dumps(header).encode()})
    pq.write_table(made, path)
    return path


def drawn() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Units and what was said of them: the map has a change in the stratum of changes alone."""
    units, said = [], []
    for stratum, (num_pixels, num, num_changed) in STRATA.items():
        mapped = (MEADOW, TOWN) if stratum == "change" else (MEADOW, MEADOW)
        for number in range(num):
            name = f"{stratum}-{number}"
            units.append({"id": name, "from_id": mapped[0], "to_id": mapped[1], "area_ha": 0.01, "kind": "unit"})
            units[-1] |= {"stratum": stratum, "chance": num / num_pixels}
            told = (MEADOW, TOWN) if number < num_changed else (MEADOW, MEADOW)
            is_right = told == mapped
            decision = "approve" if is_right else "relabel" if told[0] != told[1] else "discard"
            said.append({"event_id": name, "decision": decision, "from_id": told[0], "to_id": told[1], "is_last": True})
    return units, said


def files(folder: Path, units: list[dict[str, Any]], said: list[dict[str, Any]]) -> tuple[Path, Path]:
    return table(folder / "units.parquet", units), table(folder / "decisions.parquet", said)


def refused(folder: Path, units: list[dict[str, Any]], said: list[dict[str, Any]]) -> SampleError:
    with pytest.raises(SampleError) as caught:
        estimate(*files(folder, units, said), "changes", "it")
    return caught.value


def test_area_of_change_is_that_of_stehmans_equations(tmp_path: Path) -> None:
    found = estimate(*files(tmp_path, *drawn()), "changes", "it")
    assert found.legend.names == ("No change", "Meadow to Town")
    assert found.estimates is not None
    assert found.estimates.areas is not None
    # Weighted by hand: sizes in ha are pixels / 100.
    sizes = {name: pixels / 100 for name, (pixels, _, _) in STRATA.items()}
    shares = {name: changed / num for name, (_, num, changed) in STRATA.items()}
    assert found.estimates.areas[1].value == pytest.approx(sum(sizes[name] * shares[name] for name in STRATA))
    variance = sum(
        sizes[name] ** 2 * shares[name] * (1 - shares[name]) / (num - 1) for name, (_, num, _) in STRATA.items()
    )
    assert found.estimates.areas[1].standard_error == pytest.approx(np.sqrt(variance))
    assert found.estimates.total == pytest.approx(1000)
    assert found.counts == {"units": 200}


def test_accuracy_of_the_change_that_was_mapped(tmp_path: Path) -> None:
    found = estimate(*files(tmp_path, *drawn()), "changes", "it")
    assert found.estimates is not None
    assert found.estimates.users[1].value == pytest.approx(40 / 50)
    # Most of what was missed lies in the large stable stratum: 18 + 24 ha beside 16 ha found.
    assert found.estimates.producers[1].value == pytest.approx(16 / (18 + 24 + 16))
    assert found.confusion is not None
    assert found.confusion.counts.tolist() == [[133, 17], [10, 40]]


def test_the_last_map_is_judged_by_the_same_units(tmp_path: Path) -> None:
    paths = files(tmp_path, *drawn())
    last, first = (estimate(*paths, of, "it") for of in ("last", "first"))  # type: ignore[arg-type]
    assert last.legend.names == LEGEND.names
    assert last.estimates is not None
    assert first.estimates is not None
    assert last.estimates.shares[2].value == pytest.approx((18 + 24 + 16) / 1000)
    assert first.estimates.overall.value == 1


def test_a_discarded_change_keeps_the_class_that_it_had(tmp_path: Path) -> None:
    units, said = drawn()
    for row in said:
        if row["decision"] == "discard":
            row["from_id"], row["to_id"] = 77, 78
    assert estimate(*files(tmp_path, units, said), "last", "it").estimates is not None


def test_only_the_decision_in_force_counts(tmp_path: Path) -> None:
    units, said = drawn()
    older = [dict(row, decision="relabel", from_id=WATER, to_id=WATER, is_last=False) for row in said]
    one = estimate(*files(tmp_path, units, said), "last", "it")
    two = estimate(*files(tmp_path, units, [*older, *said]), "last", "it")
    assert one.estimates == two.estimates


def test_events_among_the_units_do_not_count(tmp_path: Path) -> None:
    units, said = drawn()
    event = dict(units[0], id="event", kind="event", stratum=None, chance=None)
    assert estimate(*files(tmp_path, [event, *units], said), "changes", "it").counts == {"units": 200}


def test_strata_drawn_whole_add_no_error(tmp_path: Path) -> None:
    units, said = drawn()
    for row in units:
        row["chance"] = 1.0
    found = estimate(*files(tmp_path, units, said), "changes", "it")
    assert found.estimates is not None
    assert found.estimates.shares[1].standard_error == 0


def test_the_job_writes_an_evaluation(tmp_path: Path) -> None:
    units, said = files(tmp_path, *drawn())
    records = list(run(check(ReviewedJob, {"units": units, "decisions": said}, "options"), tmp_path / "out"))
    assert records[-1].done == records[-1].total == 1
    found = read_evaluation(tmp_path / "out")
    assert found["design"]["num_drawn"] == 200
    assert found["areas"][1]["unit"] == "ha"
    assert found["name"] == "units: changes"
    assert "Stehman" in found["note"]


# No sample.


def test_a_unit_that_was_not_judged(tmp_path: Path) -> None:
    units, said = drawn()
    error = refused(tmp_path, units, said[:-2])
    assert "2 of 200 units not judged" in error.given
    assert "better" in error.expected
    assert "landweave review" in error.do


def test_decisions_of_another_job(tmp_path: Path) -> None:
    units, said = drawn()
    paths = table(tmp_path / "u.parquet", units), table(tmp_path / "d.parquet", said, {"format": 1, "job": "other"})
    with pytest.raises(SampleError) as caught:
        estimate(*paths, "changes", "it")
    assert "another job" in caught.value.given
    assert "these very units" in caught.value.expected
    assert "review sample" in caught.value.do


def test_events_are_no_sample(tmp_path: Path) -> None:
    units, said = drawn()
    error = refused(tmp_path, [dict(row, kind="event") for row in units], said)
    assert "without a sampling unit" in error.given
    assert "known chances" in error.expected


@pytest.mark.parametrize("wrong", [{"chance": None}, {"chance": 1.5}, {"stratum": None}])
def test_a_unit_without_stratum_or_chance(tmp_path: Path, wrong: dict[str, Any]) -> None:
    units, said = drawn()
    error = refused(tmp_path, [units[0] | wrong, *units[1:]], said)
    assert "stable-0" in error.given
    assert "chance" in error.expected


def test_unequal_chances_in_a_stratum(tmp_path: Path) -> None:
    units, said = drawn()
    error = refused(tmp_path, [units[0] | {"chance": 0.5}, *units[1:]], said)
    assert "stratum stable" in error.given
    assert "the same chance" in error.expected


def test_a_class_that_the_legend_lacks(tmp_path: Path) -> None:
    units, said = drawn()
    changed = next(row for row in said if row["decision"] == "relabel")
    changed["to_id"] = 99
    with pytest.raises(LegendError) as caught:
        estimate(*files(tmp_path, units, said), "last", "it")
    assert "class 99" in caught.value.given
    assert str(list(LEGEND.ids)) in caught.value.expected
    assert "relabel" in caught.value.do


@pytest.mark.parametrize("header", [{"format": 2, "job": "abc"}, {"job": "abc"}])
def test_files_of_another_format(tmp_path: Path, header: dict[str, Any]) -> None:
    units, said = drawn()
    paths = table(tmp_path / "u.parquet", units, header), table(tmp_path / "d.parquet", said)
    with pytest.raises(SampleError, match=r"u\.parquet"):
        estimate(*paths, "changes", "it")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "u.parquet").write_text("no")
    with pytest.raises(SampleError, match=r"u\.parquet"):
        estimate(tmp_path / "u.parquet", tmp_path / "d.parquet", "changes", "it")
