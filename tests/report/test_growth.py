"""What landweave scale wrote, on the page: efficiency, where time goes, F1 against ranks, what is predicted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.recipe import measured
from tests.recipe.test_scale import CLUSTER, recipe
from tests.report.test_runs import write_run

from landweave.config import check
from landweave.recipe import scale
from landweave.recipe.scale import ScaleJob
from landweave.report import growth, tables
from landweave.report.find import find
from landweave.report.gather import gather
from landweave.report.page import render


def write(folder: Path, cluster: Any = CLUSTER) -> Path:
    """What the verb writes, of measurements that were made up."""
    found = scale.judge([measured.of(num) for num in (1, 2)], recipe(), 800, cluster)
    scale.write(folder, found, check(ScaleJob, {"recipe": "r.toml"}, "test"))
    return folder / scale.RESULT


def test_what_scale_writes_is_read(tmp_path: Path) -> None:
    write(tmp_path / "scale")
    (found,) = growth.growths(find([tmp_path]))
    told = scale.read(tmp_path / "scale")
    assert (found.measured, found.fitted, found.predicted) == (told.measured, told.fitted, told.predicted)
    assert (found.name, found.cluster, found.epoch_samples) == ("scale", "far away", 800)


def test_tables_hold_all_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "scale")
    content = json.loads(path.read_text())
    content["measured"][1]["f1"] = 0.7125
    path.write_text(json.dumps(content))
    (found,) = growth.growths(find([tmp_path]))
    here, there = growth.tables_of(found)
    assert here.head == (*here.head[:7], "Step by the model", "F1")
    assert [(line[0], line[2], line[-1]) for line in here.lines] == [
        ("1", "100.0 %", tables.NONE),
        ("2", "52.6 %", "0.713"),
    ]
    assert there.title == "scale: predicted for far away"
    assert there.lines[1][0] == "8" and there.lines[1][-1] == "0.3 s"
    for table in (here, there):
        assert {len(line) for line in table.lines} == {len(table.head)}


def test_without_a_cluster_there_is_one_table(tmp_path: Path) -> None:
    write(tmp_path / "scale", None)
    (found,) = growth.growths(find([tmp_path]))
    assert len(list(growth.tables_of(found))) == 1


@pytest.mark.parametrize("gone", ["fitted", "epoch_samples"])
def test_one_with_gaps_is_told(tmp_path: Path, gone: str) -> None:
    path = write(tmp_path / "scale")
    content = json.loads(path.read_text())
    content[gone] = None
    path.write_text(json.dumps(content))
    found = find([tmp_path])
    assert growth.growths(found) == ()
    assert "scale.json" in found.unread[0]


def test_it_stands_beside_the_curves(tmp_path: Path) -> None:
    write(tmp_path / "scale")
    write_run(tmp_path)
    text = render(gather([tmp_path], "Ranks"), tmp_path)
    for shown in ('href="#ranks"', 'href="#training"', "Efficiency", "scale: predicted for far away", "scale.json"):
        assert shown in text
    assert "More ranks (scale/scale.json)" in text
