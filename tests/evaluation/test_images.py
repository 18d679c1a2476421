"""Judgements of made images: means over images, what is not a number, tables, and lines for people."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from landweave.errors import OutputError
from landweave.evaluation.images import Judged, lines, read_images
from landweave.metrics.likeness import MEASURES, Likeness

BANDS = ("SR_B2", "SR_B3")


def sums(error: float, seed: int = 0, edge: int = 40) -> Likeness:
    truth = np.random.default_rng(seed).uniform(0.1, 0.4, (2, edge, edge)).astype(np.float32)
    return Likeness.of((truth + np.float32(error)).astype(np.float32), truth)


def judged(*errors: float) -> Judged:
    return Judged("made", BANDS, {f"day{n}": sums(error, n) for n, error in enumerate(errors)}, "Pixels of a test.")


def test_figures_are_means_over_images() -> None:
    told = judged(0.01, 0.03).to_json()
    assert told["num_images"] == 2 and told["num_px"] == 2 * 40**2 and told["bands"] == list(BANDS)
    each = [told["images"][f"day{n}"] for n in (0, 1)]
    for measure in MEASURES:
        for column in (*BANDS, "overall"):
            assert told["mean"][measure][column] == pytest.approx(
                (each[0][measure][column] + each[1][measure][column]) / 2
            )
    assert told["mean"]["rmse"]["overall"] == pytest.approx(0.02, rel=1e-4)
    assert told["mean"]["psnr"]["SR_B2"] == pytest.approx((40 + 30.4576) / 2, abs=1e-3)


def test_what_is_not_a_number_is_null() -> None:
    told = judged(0.0).to_json()
    assert told["mean"]["psnr"] == {"SR_B2": None, "SR_B3": None, "overall": None}
    assert told["mean"]["rmse"]["overall"] == 0
    small = Judged("small", BANDS, {"one": sums(0.1, edge=8)}, "").to_json()
    assert small["mean"]["uiqi"]["overall"] is None and small["mean"]["ssim"]["SR_B2"] is None
    json.dumps(told, allow_nan=False)


def test_one_image_that_is_equal_does_not_spoil_the_mean() -> None:
    told = judged(0.0, 0.01).to_json()
    assert told["mean"]["psnr"]["overall"] == pytest.approx(40, abs=1e-3)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    judged(0.01).write(tmp_path, {"part": "test"})
    told = read_images(tmp_path)
    assert told["kind"] == "images" and told["configuration"] == {"part": "test"} and told["format"] == 1
    rows = list(csv.DictReader((tmp_path / "images.csv").read_text().splitlines()))
    assert [row["measure"] for row in rows] == list(MEASURES)
    assert float(rows[2]["overall"]) == told["mean"]["rmse"]["overall"]
    shown = list(lines(told))
    assert [line.split()[0] for line in shown[:6]] == list(MEASURES)
    assert "SR_B2" in shown[0] and shown[-1] == "Pixels of a test."


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": 2, "kind": "images"}', '{"format": 1, "kind": "evaluation"}']
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "images.json").write_text(text)
    with pytest.raises(OutputError) as caught:
        read_images(tmp_path)
    assert "evaluate --images" in caught.value.expected and caught.value.do
