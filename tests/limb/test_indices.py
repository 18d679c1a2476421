"""The page of observations of which only two indices are known: by the rule, beside labels that nobody explains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landweave.cli.main import run
from landweave.datasets.psc_sample import COLUMNS, read
from landweave.limb.indices import NOT_GIVEN, against_labels, write_page

ROWS = [
    ("2008-08-29", 3.0, 0.60, 150.0, -75.0, 0.8, 16.3, "2.0"),
    ("2008-08-29", 3.0, 0.40, 30.0, -70.0, 0.8, 18.3, "3.0"),
    ("2008-08-29", 5.2, 0.30, -30.0, -80.0, 0.8, 18.3, "3.0"),
    ("2008-08-30", 1.3, 0.83, -60.0, -65.0, -9.0, 21.0, "1.0"),
    ("2008-08-30", 2.0, 0.80, 200.0, -65.0, -9.0, 21.0, ""),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    lines = [",".join(COLUMNS), *(",".join(str(value) for value in row) for row in ROWS)]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "a.csv"


def test_the_rule_against_ids(path: Path) -> None:
    counted = against_labels(read(path))
    assert counted.rows == ("clear", "nat", "other_cloud")
    assert counted.columns == ("id 1", "id 2", "id 3")
    # The row without a label is in no column.
    np.testing.assert_array_equal(counted.counts, [[0, 0, 1], [0, 1, 0], [1, 0, 1]])


def test_the_page_says_that_nobody_tells_what_ids_mean(path: Path, tmp_path: Path) -> None:
    counted = write_page(path, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert NOT_GIVEN in text
    assert "not given" in text
    assert text.count("<svg") == 2
    assert "2008-08-29" in text
    assert "2008-08-30" in text
    assert "other_cloud" in text
    assert int(counted.counts.sum()) == 4
    before = (tmp_path / "page.html").read_bytes()
    write_page(path, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == before


def test_by_command(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out" / "indices.html"
    assert run(["limb", "indices", str(path), "-o", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "nat: 1" in shown
    assert "meaning of their labels is not given" in shown
    assert f"page: {out}" in shown
    assert out.is_file()
    assert run(["limb", "indices", str(tmp_path / "none.csv"), "-o", str(out)]) == 1
    assert "which is no file" in capsys.readouterr().err
