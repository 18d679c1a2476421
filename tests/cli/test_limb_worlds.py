"""The verb simulate with worlds of limb spectra: files, the same again, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landweave.cli.limb_worlds import LimbTask, is_limb, write_file, write_limb
from landweave.cli.main import run
from landweave.datasets import limb
from landweave.errors import ConfigError
from landweave.legend import IGNORE
from landweave.simulate.spectra import database
from landweave.simulate.winter import load_season


def test_a_database_is_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "published"
    arguments = ["simulate", "limb-published-1", "--num", "60", "--seed", "4", "-o", str(out)]
    assert run(arguments) == 0
    shown = capsys.readouterr()
    assert f"spectra: {out}" in shown.out
    assert "1/1 files" in shown.err
    found = limb.read([out / "spectra.nc"])
    expected = database("limb-published-1", 60, 4)
    np.testing.assert_array_equal(found.radiance, expected.radiance)
    np.testing.assert_array_equal(found.label, expected.label)
    facts = limb.facts(out / "spectra.nc")
    assert (facts["simulated"], facts["world"], facts["seed"]) == (1, "limb-published-1", 4)
    assert "simulated" in facts["title"]
    before = (out / "spectra.nc").read_bytes()
    assert run(arguments) == 0
    (out / "spectra.nc").unlink()
    assert run(arguments) == 0
    assert (out / "spectra.nc").read_bytes() == before
    capsys.readouterr()
    assert run([*arguments[:3], "61", *arguments[4:]]) == 1
    assert "num was 60, is now 61" in capsys.readouterr().err


def test_a_winter_is_a_file_a_month(tmp_path: Path) -> None:
    world = load_season("limb-season-1", thin=200)
    task = LimbTask("south-2009-06", tmp_path / "south-2009-06.nc", world, "south", "2009-06")
    summary = write_file(task)
    found, counts = limb.read_counted([task.path])
    assert summary == {"spectra": len(found)}
    assert len(found) > 50
    months = found.time.astype("datetime64[M]").astype(str)
    assert set(months.tolist()) == {"2009-06"}
    assert counts.out_of_order == counts.missing == counts.without_time == 0
    assert (found.label == IGNORE).any()
    assert limb.facts(task.path)["simulated"] == 1


def test_names() -> None:
    assert is_limb("limb-hard-1")
    assert is_limb("limb-season-1")
    assert not is_limb("demo-1")


def test_what_does_not_fit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "demo-1", "--num", "3", "-o", str(tmp_path / "a")]) == 1
    shown = capsys.readouterr().err
    assert "given: --num 3 of world demo-1" in shown
    assert "to do: leave --num away" in shown
    for name, num in (("limb-hard-1", 0), ("limb-season-1", 0), ("limb-nothing-1", 3)):
        with pytest.raises(ConfigError) as caught:
            list(write_limb(name, tmp_path / "b", num=num))
        assert caught.value.given
        assert caught.value.expected
        assert caught.value.do
    assert not (tmp_path / "b").exists()
