"""Agreement of maps on disk: the same figures as the arrays, beside those of the truth; what cannot be compared."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.evaluation.making import GRID, HEIGHT, LEGEND, WIDTH, land, write

from landweave.config import check
from landweave.errors import GridError, LegendError, OutputError, SampleError
from landweave.evaluation import parts
from landweave.evaluation.agreement import NAME, TABLE, AgreementJob, lines, read_agreement, run
from landweave.evaluation.stack import stack
from landweave.legend import LandClass, Legend
from landweave.metrics.agreement import Agreement
from landweave.metrics.confusion import Confusion

OTHER = Legend("other", "made for tests", (LandClass(1, "Meadow", "#00ff00"), LandClass(3, "Rock", "#808080")))


def arrays() -> tuple[np.ndarray, np.ndarray]:
    """Maps of three years with errors, and their truth, in which a corner changes."""
    truth = np.stack([land()[1]] * 3)
    truth[2, 20:40, 30:60] = 2
    maps = np.stack([land(seed)[0] for seed in range(3)])
    return maps, truth


def on_disk(folder: Path) -> tuple[list[Path], list[Path]]:
    maps, truth = arrays()
    return tuple(
        [write(folder / name / f"{2020 + year}.tif", each) for year, each in enumerate(every)]
        for name, every in (("maps", maps), ("truth", truth))
    )  # type: ignore[return-value]


def judged(out: Path, **values: Any) -> dict[str, Any]:
    records = list(run(check(AgreementJob, values, "options"), out))
    assert records and all(record.done <= record.total for record in records)
    return read_agreement(out)


def test_figures_are_those_of_the_arrays(tmp_path: Path) -> None:
    maps, truths = on_disk(tmp_path)
    found = judged(tmp_path / "out", maps=maps, truth=truths, name="forest")
    expected, real = (Agreement.from_labels(every, 3) for every in arrays())
    assert [pair["overall"] for pair in found["pairs"]] == [expected.overall(index) for index in range(3)]
    assert [pair["overall"] for pair in found["truth"]["pairs"]] == [real.overall(index) for index in range(3)]
    assert found["pairs"][2]["classes"] == expected.by_class(2).tolist()
    assert found["always"]["overall"] == expected.always < real.always < 1
    assert found["times"] == expected.times.tolist()
    right = [Confusion.from_labels(one, two, 3).overall for one, two in zip(*arrays(), strict=True)]
    assert [each["overall"] for each in found["accuracy"]] == right
    assert (found["name"], found["maps"]) == ("forest", ["2020", "2021", "2022"])


def test_windows_add_up_whatever_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps, truths = on_disk(tmp_path)
    one = judged(tmp_path / "one", maps=maps, truth=truths)
    monkeypatch.setattr(parts, "_EDGE_PX", 31)
    many = judged(tmp_path / "many", maps=maps, truth=truths)
    assert len(parts.whole(GRID)) > 10
    assert {**one, "configuration": 0} == {**many, "configuration": 0}


def test_the_table_has_a_line_for_each_class(tmp_path: Path) -> None:
    maps, _ = on_disk(tmp_path)
    found = judged(tmp_path / "out", maps=maps)
    rows = list(csv.reader((tmp_path / "out" / TABLE).read_text().splitlines()))
    assert rows[0] == ["class", "2020 to 2021", "2021 to 2022", "2020 to 2022", "in all maps"]
    assert [row[0] for row in rows[1:]] == [*LEGEND.names, "all"]
    assert float(rows[-1][1]) == found["pairs"][0]["overall"]
    assert found["truth"] is None
    assert found["accuracy"] == []


def test_lines_for_people(tmp_path: Path) -> None:
    maps, truths = on_disk(tmp_path)
    told = "\n".join(lines(judged(tmp_path / "out", maps=maps, truth=truths)))
    assert "agreement 2020 to 2021" in told
    assert "(truth 1.000)" in told
    assert "overall accuracy 2022" in told
    assert "not how right" in told


def test_maps_of_one_name_are_told_apart_by_folder(tmp_path: Path) -> None:
    maps, _ = arrays()
    paths = [write(tmp_path / str(year) / "map.tif", maps[year - 2020]) for year in (2020, 2021)]
    assert stack(paths).names == ("2020/map", "2021/map")


def test_arrays_without_a_place_are_compared_pixel_by_pixel(tmp_path: Path) -> None:
    maps, _ = arrays()
    grid = GeoBox((HEIGHT, WIDTH), Affine.identity(), None)
    paths = [write(tmp_path / f"{year}.tif", maps[year], grid) for year in range(2)]
    found = judged(tmp_path / "out", maps=paths)
    assert found["pairs"][0]["overall"] == Agreement.from_labels(maps[:2], 3).overall(0)


def test_one_map_is_no_series(tmp_path: Path) -> None:
    maps, _ = on_disk(tmp_path)
    with pytest.raises(SampleError) as caught:
        judged(tmp_path / "out", maps=maps[:1])
    assert caught.value.given == "1 map"
    assert "two" in caught.value.expected
    assert "order" in caught.value.do


def test_other_legends_are_refused(tmp_path: Path) -> None:
    maps, _ = on_disk(tmp_path)
    foreign = write(tmp_path / "foreign.tif", np.zeros((HEIGHT, WIDTH), np.uint8), legend=OTHER)
    with pytest.raises(LegendError) as caught:
        judged(tmp_path / "out", maps=[*maps, foreign])
    assert "other" in caught.value.given
    assert "one legend" in caught.value.expected
    assert "translate" in caught.value.do
    with pytest.raises(LegendError, match="one legend"):
        judged(tmp_path / "out", maps=maps, truth=[foreign] * 3)


def test_other_pixels_are_refused(tmp_path: Path) -> None:
    maps, _ = on_disk(tmp_path)
    coarse = write(tmp_path / "coarse.tif", arrays()[0][0][::2, ::2], GRID.zoom_out(2))
    part = write(tmp_path / "part.tif", arrays()[0][0][:50], GRID[:50, :])
    for path in (coarse, part):
        with pytest.raises(GridError) as caught:
            judged(tmp_path / "out", maps=[*maps, path])
        assert str(GRID.crs) in caught.value.given
        assert "same" in caught.value.expected


def test_as_many_truths_as_maps(tmp_path: Path) -> None:
    maps, truths = on_disk(tmp_path)
    with pytest.raises(SampleError) as caught:
        judged(tmp_path / "out", maps=maps, truth=truths[:2])
    assert caught.value.given == "2 truth maps for 3 maps"
    assert caught.value.expected == "one for each"


def test_maps_that_never_meet_are_refused(tmp_path: Path) -> None:
    maps, _ = arrays()
    one, other = maps[0].copy(), maps[1].copy()
    one[:, :60], other[:, 60:] = 255, 255
    with pytest.raises(GridError, match="nowhere"):
        judged(tmp_path / "out", maps=[write(tmp_path / "a.tif", one), write(tmp_path / "b.tif", other)])


def test_a_folder_with_other_things_is_not_written_to(tmp_path: Path) -> None:
    maps, _ = on_disk(tmp_path)
    with pytest.raises(OutputError, match=r"holds 2020\.tif"):
        judged(tmp_path / "maps", maps=maps)
    judged(tmp_path / "out", maps=maps)
    assert judged(tmp_path / "out", maps=maps[:2])["maps"] == ["2020", "2021"]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps({"format": 9, "kind": "agreement"}))
    with pytest.raises(OutputError) as caught:
        read_agreement(tmp_path)
    assert "format 9" in caught.value.given
    assert "format 1" in caught.value.expected
    assert "evaluate" in caught.value.do
