"""Judging and cards under faults: killed, full, truncated, strange names. Nothing half-written has a final name."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.making import GRID, cut, files, write
from tests.faults.landweave import python

from landweave.atomic import _ASIDE_SUFFIX
from landweave.cli.main import run
from landweave.errors import CardError, OutputError, SceneError
from landweave.evaluation.job import EvaluateJob
from landweave.evaluation.job import run as judge
from landweave.evaluation.units import draw
from landweave.models.card import load_parts

_SAVER = """
import sys
from pathlib import Path
import numpy as np
from landweave.legend import LandClass, Legend
from landweave.models.card import Card, save_card
from landweave.models.sight import Sight

legend = Legend("one", "here", (LandClass(1, "a", "#000000"),))
folder, number = Path(sys.argv[1]), 0
print("begun", flush=True)
while True:
    number += 1
    told = {"n": number}
    card = Card("linear", {}, "s", ("b",), 10.0, "reflectance", (0.0,), (1.0,), legend, "pixels", Sight(1, 0), told)
    save_card(folder, card, {"weights": np.full(200_000, number, np.float64)})
"""


def test_a_card_that_is_being_replaced_when_its_process_is_killed_is_whole(tmp_path: Path) -> None:
    whole = 0
    for turn in range(2):
        saver = python(_SAVER, tmp_path / "card")
        assert saver.stdout.readline() == "begun\n"
        time.sleep(0.2 + 0.13 * turn)
        saver.kill()
        assert saver.wait() == -signal.SIGKILL
        # A folder cannot be exchanged in one step on every system: it is whole, or it is not there at all.
        if (tmp_path / "card").exists():
            card, arrays = load_parts(tmp_path / "card")
            assert (arrays["weights"] == card.training["n"]).all()
            whole += 1
    assert whole


def test_a_full_disk_leaves_no_judgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    map_path, truth_path = files(tmp_path)

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError) as caught:
        list(judge(EvaluateJob(map=map_path, truth=truth_path), tmp_path / "evaluation"))
    assert "no space left" in caught.value.given
    assert caught.value.expected
    assert caught.value.do
    left = [path.name for path in (tmp_path / "evaluation").iterdir()]
    assert not [name for name in left if not name.startswith(".") or _ASIDE_SUFFIX in name]


def test_a_judgement_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    map_path, truth_path = files(tmp_path)
    job = EvaluateJob(map=map_path, truth=truth_path)
    list(judge(job, tmp_path / "evaluation"))
    before = (tmp_path / "evaluation" / "evaluation.json").read_bytes()
    truth_path.write_bytes(truth_path.read_bytes()[:400])
    from landweave.raster.read import close_files

    close_files()
    with pytest.raises(SceneError):
        list(judge(job, tmp_path / "evaluation"))
    assert (tmp_path / "evaluation" / "evaluation.json").read_bytes() == before


def test_a_draw_that_is_stopped_leaves_no_units(tmp_path: Path) -> None:
    map_path, _ = files(tmp_path)
    records = draw(map_path, tmp_path / "units", num=300, seed=1, least=20)
    next(records)
    records.close()
    assert not [path for path in (tmp_path / "units").iterdir() if not path.name.startswith(".")]
    for _ in draw(map_path, tmp_path / "units", num=300, seed=1, least=20):
        pass
    assert len(json.loads((tmp_path / "units" / "units.geojson").read_text())["features"]) == 300


@pytest.mark.parametrize("what", ["map", "truth"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_truncated_rasters_are_named_and_nothing_is_written(tmp_path: Path, what: str, share: float) -> None:
    rng = np.random.default_rng(0)
    # Large and of noise, which does not pack: every part of the file but its first holds pixels.
    noise, grid = rng.integers(0, 3, (1500, 1500)).astype(np.uint8), GRID.crop((1500, 1500))
    paths = {name: write(tmp_path / f"{name}.tif", noise, grid) for name in ("map", "truth")}
    content = paths[what].read_bytes()
    paths[what].write_bytes(content[: int(share * len(content))])
    if share == 0:
        # Without its table too: what is wrong with the file comes before what is not known of its classes.
        paths[what].with_name(f"{what}.tif.aux.xml").unlink()
    with pytest.raises(SceneError) as caught:
        list(judge(EvaluateJob(**paths), tmp_path / "evaluation"))
    assert what in caught.value.given
    assert caught.value.do
    assert not (tmp_path / "evaluation" / "evaluation.json").exists()


def test_names_that_are_no_utf8_and_names_that_are_too_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    map_path, truth_path = files(tmp_path)
    judging = ["evaluate", "--map", str(map_path), "--truth", str(truth_path), "-o"]
    assert run([*judging, str(tmp_path / ("x" * 300))]) == 1
    assert "a shorter path" in capsys.readouterr().err
    strange = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.tif")
    code = run(["evaluate", "--map", strange, "--truth", str(truth_path), "-o", str(tmp_path / "e")])
    said = capsys.readouterr().err
    assert code == 1
    assert all(word in said for word in ("given:", "expected:", "to do:"))


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    map_path, truth_path = files(tmp_path)
    (tmp_path / "file").write_text("in the way")
    judging = ["evaluate", "--map", str(map_path), "--truth", str(truth_path), "-o", str(tmp_path / "file" / "e")]
    assert run(judging) == 1
    assert "to do:" in capsys.readouterr().err


def test_an_archive_that_is_damaged_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    map_path, _ = files(tmp_path)
    cut(tmp_path / "archive")
    shard = next((tmp_path / "archive" / "shards").glob("*.h5"))
    shard.write_bytes(shard.read_bytes()[:1000])
    judging = ["evaluate", "--map", str(map_path), "--archive", str(tmp_path / "archive"), "-o", str(tmp_path / "e")]
    assert run(judging) == 1
    said = capsys.readouterr().err
    assert shard.name in said
    assert "1000 bytes" in said


def test_a_card_without_its_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut(tmp_path / "archive")
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "card.json").write_text("{}")
    judging = ["evaluate", "--card", str(tmp_path / "card"), "--archive", str(tmp_path / "archive")]
    assert run([*judging, "-o", str(tmp_path / "e")]) == 1
    assert "card of landweave" in capsys.readouterr().err
    with pytest.raises(CardError):
        load_parts(tmp_path / "card")
