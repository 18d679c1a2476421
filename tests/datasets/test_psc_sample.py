"""The published table of indices: what is read of it, and what is refused or counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landweave.datasets.psc_sample import COLUMNS, read
from landweave.errors import SpectraError
from landweave.legend import IGNORE

HEADER = ",".join(COLUMNS)
ROWS = ["2008-08-29,3.5,0.50,156.9,-77.6,0.8,16.3,2.0", "2008-08-30,1.3,0.83,-70.1,-64.2,-3.5,21.0,1.0"]


def table(folder: Path, *rows: str, header: str = HEADER) -> Path:
    (folder / "a.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder / "a.csv"


def test_what_stands_in_it(tmp_path: Path) -> None:
    found = read(table(tmp_path, *ROWS))
    assert len(found) == 2
    assert found.day.astype(str).tolist() == ["2008-08-29", "2008-08-30"]
    np.testing.assert_allclose(found.cloud_index, [3.5, 1.3])
    np.testing.assert_allclose(found.nat_index, [0.5, 0.83])
    np.testing.assert_allclose(found.latitude, [-77.6, -64.2], rtol=1e-6)
    np.testing.assert_allclose(found.longitude, [156.9, -70.1], rtol=1e-6)
    np.testing.assert_allclose(found.sun_elevation_deg, [0.8, -3.5], rtol=1e-6)
    np.testing.assert_allclose(found.tangent_altitude_km, [16.3, 21.0], rtol=1e-6)
    assert found.label.tolist() == [2, 1]
    assert (found.num_east, found.num_missing) == (0, 0)


def test_longitudes_and_missing_indices_are_counted(tmp_path: Path) -> None:
    found = read(table(tmp_path, ROWS[0].replace("156.9", "203.1"), ROWS[1].replace("1.3,", ",").replace(",1.0", ",")))
    assert found.longitude[0] == pytest.approx(-156.9, abs=1e-4)
    assert (found.num_east, found.num_missing) == (1, 1)
    assert np.isnan(found.cloud_index[1])
    assert found.label.tolist() == [2, IGNORE]


def test_columns_in_another_order_and_more_of_them(tmp_path: Path) -> None:
    turned = [",".join([*reversed(row.split(",")), "more"]) for row in ROWS]
    found = read(table(tmp_path, *turned, header=",".join([*reversed(COLUMNS), "other"])))
    assert found.label.tolist() == [2, 1]
    assert found.cloud_index[0] == np.float32(3.5)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("htang", "height", "without htang"),
        (",2.0", "", "line 2 of another length"),
        ("3.5", "thick", "ci that is no number"),
        ("-77.6", "-97.6", "lat -97.6"),
        ("156.9", "361", "lon 361"),
        ("16.3", "16300", "htang 16300"),
        ("3.5", "-1", "ci -1"),
        ("0.50", "1e9", "ni 1e+09"),
        ("2008-08-29", "29 August", "a date that is none"),
        ("2008-08-29", "", "a row without date"),
        ("2.0", "2.5", "labels_bc 2.5"),
        ("2.0", "300", "labels_bc 300"),
        ("-77.6", "", "lat nan"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = table(tmp_path, *ROWS)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(SpectraError) as caught:
        read(path)
    assert told in caught.value.given
    assert caught.value.expected
    assert caught.value.do


@pytest.mark.parametrize(
    ("content", "told"), [(None, "no file"), (b"", "without date"), (b"\xff\xfe\x00", "cannot be read")]
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpectraError) as caught:
        read(path)
    assert told in caught.value.given
    with pytest.raises(SpectraError, match="no rows"):
        read(table(tmp_path))
