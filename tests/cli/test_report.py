"""The verb report: folders in, one page out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.report.test_runs import write_run

from landweave.cli.main import run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_run(tmp_path / "training")
    return tmp_path


def test_a_page_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = folder / "report.html"
    assert run(["report", str(folder), "-o", str(page)]) == 0
    assert f"report: {page}" in capsys.readouterr().out
    assert "U-Net" in page.read_text(encoding="utf-8")


def test_the_title_can_be_chosen(folder: Path) -> None:
    page = folder / "report.html"
    assert run(["report", str(folder), "-o", str(page), "--title", "Two rivers"]) == 0
    assert "<title>Two rivers</title>" in page.read_text(encoding="utf-8")


def test_a_page_is_replaced_as_a_whole(folder: Path) -> None:
    page = folder / "report.html"
    page.write_text("an older page")
    assert run(["report", str(folder), "-o", str(page)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_cannot_be_shown_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "evaluation.json").write_text("{torn")
    assert run(["report", str(folder), "-o", str(folder / "report.html")]) == 0
    assert "not shown: " in capsys.readouterr().err


@pytest.mark.parametrize("given", ["nowhere", "."])
def test_folders_without_anything_are_refused(tmp_path: Path, given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(tmp_path / given), "-o", str(tmp_path / "report.html")]) == 1
    shown = capsys.readouterr().err
    for part in ("given: ", "expected: ", "to do: "):
        assert part in shown
    assert not (tmp_path / "report.html").exists()


def test_a_page_that_cannot_be_written_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "file").write_text("")
    assert run(["report", str(folder), "-o", str(folder / "file" / "report.html")]) == 1
    assert "-o" in capsys.readouterr().err


def test_no_folder_is_wrong_usage() -> None:
    assert run(["report", "-o", "report.html"]) == 2


@pytest.mark.parametrize("name", ["b\udcff", "x" * 120, "two words", "ä#?%"])
def test_odd_names_of_folders(tmp_path: Path, name: str) -> None:
    write_run(tmp_path / name)
    assert run(["report", str(tmp_path / name), "-o", str(tmp_path / name / "report.html")]) == 0
    assert (tmp_path / name / "report.html").is_file()
