"""A demo that is killed, and killed again, and comes to its end."""

from __future__ import annotations

import json
from pathlib import Path

from tests.faults.landweave import KILLED, python

# A demo on a world of 300 pixels, as small as the split into parts allows.
SMALL = """
from pathlib import Path
from tests.test_demo import make_demo
for record in make_demo(Path({folder!r})).records():
    print(record.phase, record.done, flush=True)
"""
# Files before or after whose final name the demo dies, in the order in which it writes them.
DEATHS = (("archive.json", True), ("card", False), ("evaluation.json", True))


def run_demo(folder: Path, before: str = "") -> tuple[int, str, str]:
    """The exit code, and what was said."""
    process = python(before + SMALL.format(folder=str(folder)))
    said = process.communicate(timeout=250)
    return process.wait(), *said


def test_a_demo_that_is_killed_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    for name, is_before in DEATHS:
        code, _, wrong = run_demo(folder, KILLED.format(name=name, number=1, before=is_before))
        assert code == -9, (name, wrong[-2_000:])
    code, said, wrong = run_demo(folder)
    assert code == 0, wrong[-2_000:]
    # What was done before a kill is not done again.
    assert "simulate 1" in said
    assert "train unet: validate" not in said
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert 0 <= summary["overall_accuracy"]["value"] <= 1
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not list(folder.rglob(".*.aside*"))
