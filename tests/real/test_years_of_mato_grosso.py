"""Sixteen published maps of Mato Grosso (2001-2016, INPE): agreement from year to year, and what changed.

They are a classifier's output, not truth: the figures say how consistent that classifier was.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from landweave.cli.main import run
from landweave.evaluation.agreement import read_agreement
from landweave.evaluation.change import read_change

pytestmark = pytest.mark.real
YEARS = range(2001, 2017)
CLASSES = "".join(
    f'\n[[legends.mt-15.classes]]\nid = {i}\nname = "Class {i}"\ncolor = "#0000{i:02x}"\n' for i in range(1, 16)
)


@pytest.fixture
def maps(real_data: Path) -> list[str]:
    return [str(real_data / "sits_mt_annual_maps" / f"MT_{year}.tif") for year in YEARS]


@pytest.fixture
def legends(tmp_path: Path) -> list[str]:
    path = tmp_path / "legends.toml"
    path.write_text(f'[legends.mt-15]\nsource = "maps of Mato Grosso"\n{CLASSES}', encoding="utf-8")
    return ["--legend", "mt-15", "--legends", str(path)]


def test_agreement_of_sixteen_years(
    maps: list[str], legends: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", "--agreement", *maps, *legends, "-o", str(tmp_path / "out")]) == 0
    assert "agreement MT_2001 to MT_2002: 0." in capsys.readouterr().out
    found = read_agreement(tmp_path / "out")
    assert len(found["pairs"]) == 16
    assert found["always"]["num_pixels"] == 248 * 435 == sum(found["times"])
    steps = [pair["overall"] for pair in found["pairs"][:-1]]
    assert all(0.7 < share < 1 for share in steps), steps
    # Over fifteen years more changes than over one, and what always stays is no more than either.
    whole = found["pairs"][-1]["overall"]
    assert found["always"]["overall"] <= whole < min(steps)


def test_change_between_the_first_and_the_last_by_itself_is_perfect(
    maps: list[str], legends: list[str], tmp_path: Path
) -> None:
    both = [maps[0], maps[-1]]
    truths = ["--truth", both[0], "--truth", both[1]]
    assert run(["evaluate", "--changes", *both, *truths, *legends, "-o", str(tmp_path / "out")]) == 0
    found = read_change(tmp_path / "out")
    assert (found["f1"], found["classes"]) == (1, 1)
    changed = found["pixels"]["found"] / (248 * 435)
    assert 0.2 < changed < 0.6
    # Pixels of 231.656 m.
    assert found["areas_ha"]["found"] == pytest.approx(found["pixels"]["found"] * 5.3665, rel=1e-3)
