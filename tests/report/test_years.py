"""Agreement and changes on the report's page, made by the judgement itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.evaluation.test_agreement import judged as agreeing
from tests.evaluation.test_agreement import on_disk
from tests.evaluation.test_change import SEEN, TRUTH, as_folder, as_raster
from tests.evaluation.test_change import judged as changed

from landweave.metrics.change import FALSE, FOUND, MISSED, picture
from landweave.report import years
from landweave.report.find import find
from landweave.report.gather import gather
from landweave.report.page import render
from landweave.report.tables import percent


def both(folder: Path) -> Path:
    maps, truths = on_disk(folder / "data")
    agreeing(folder / "out" / "agreement", maps=maps, truth=truths, name="forest")
    real = as_raster(folder / "data" / "change.tif", TRUTH)
    found = as_folder(folder / "data" / "found", SEEN)
    changed(folder / "out" / "change", found=[found], truth=[real], name="rules")
    return folder / "out"


def test_agreement_stands_beside_that_of_the_truth(tmp_path: Path) -> None:
    folder = both(tmp_path)
    agreement, accuracy, _ = years.every(find([folder]))
    content = find([folder]).json(folder / "agreement" / "agreement.json")
    assert agreement.title == "forest: agreement between years"
    assert agreement.head == ("Class", "2020 to 2021", "2021 to 2022", "2020 to 2022", "In all")
    assert [line[0] for line in agreement.lines[-2:]] == ["All classes", "All classes, truth"]
    assert agreement.lines[-2][1] == percent(content["pairs"][0]["overall"])
    assert agreement.lines[-1][3] == percent(content["truth"]["pairs"][2]["overall"])
    assert len(agreement.lines) == 5
    assert [line[0] for line in accuracy.lines] == ["2020", "2021", "2022"]


def test_changes_have_a_line(tmp_path: Path) -> None:
    table = years.every(find([both(tmp_path)]))[-1]
    assert table.title == "rules: changes"
    assert table.lines[0][-1].endswith("days")
    assert "missed" in table.note


def test_the_picture_shows_what_was_found_missed_and_made_up(tmp_path: Path) -> None:
    (row,) = years.rows(find([both(tmp_path)]))
    pixels = row.pictures[0].pixels
    kinds = picture(SEEN, TRUTH)
    assert pixels.shape[:2] == kinds.shape
    colors = {kind: {tuple(color) for color in pixels[kinds == kind].tolist()} for kind in (FALSE, MISSED, FOUND)}
    assert all(len(each) == 1 for each in colors.values())
    red, blue, green = (next(iter(colors[kind])) for kind in (FALSE, MISSED, FOUND))
    assert (np.argmax(red), np.argmax(blue), np.argmax(green)) == (0, 2, 1)
    assert "Change missed: blue" in row.pictures[0].caption
    assert "found" in row.pictures[0].alt


def test_the_page_has_all_of_it(tmp_path: Path) -> None:
    page = render(gather([both(tmp_path)], "Years"), tmp_path)
    for word in ("forest: agreement between years", "rules: changes", "Change found that is none: red"):
        assert word in page


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = both(tmp_path)
    (folder / "agreement" / "agreement.json").write_text('{"format": 1, "pairs": 3}')
    (folder / "change" / "change_judged.tif").unlink()
    found = find([folder])
    assert [table.title for table in years.every(found)] == ["rules: changes"]
    assert years.rows(found) == ()
    assert len(found.unread) == 2
