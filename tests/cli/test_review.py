"""The verb review from the outside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.review.making import DATES, draft, make_job

from landweave.cli.main import run
from landweave.review.serve import Server, make_server


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return make_job(tmp_path, 4, dates=DATES[::13], edge=32)


def decide(job: Path, *numbers: int) -> None:
    server = make_server(job, port=0)
    for number in numbers:
        server.desk.decide(**draft(number))
    server.listener.close()
    server.desk.store.close()


@pytest.fixture
def not_run(monkeypatch: pytest.MonkeyPatch) -> list[Server]:
    served: list[Server] = []
    monkeypatch.setattr(Server, "run", lambda server: served.append(server))  # noqa: PLW0108 - a method takes self, append does not
    return served


def test_review_serves_and_prints_its_address(
    job: Path, capsys: pytest.CaptureFixture[str], not_run: list[Server]
) -> None:
    assert run(["review", str(job), "--port", "0"]) == 0
    said = capsys.readouterr()
    (server,) = not_run
    assert f"open {server.address}" in said.out
    assert "4 events" in said.out
    assert said.err == ""
    assert run(["review", "--port", "0", str(job)]) == 0
    assert run(["review", "serve", str(job), "--port", "0"]) == 0
    assert len(not_run) == 3


def test_others_can_reach_it_only_with_a_warning(
    job: Path, capsys: pytest.CaptureFixture[str], not_run: list[Server]
) -> None:
    assert run(["review", str(job), "--port", "0", "--host", "0.0.0.0", "--allow-host", "x.example:80"]) == 0
    assert "not" in capsys.readouterr().err
    assert "x.example" in not_run[0].guard.hosts


def test_export(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "decisions.parquet"
    assert run(["review", "export", str(job), "-o", str(out)]) == 1
    assert "nobody has reviewed" in capsys.readouterr().err
    decide(job, 0, 2)
    assert run(["review", "export", str(job), "-o", str(out)]) == 0
    assert "2 approved, 0 discarded, 0 relabelled, 2 undecided" in capsys.readouterr().out
    assert pq.read_table(out)["event_id"].to_pylist() == ["event-00000", "event-00002"]


def test_sample(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], not_run: list[Server]) -> None:
    out = tmp_path / "units"
    words = ["review", "sample", str(job), "-o", str(out), "--least", "5", "--expect", "change=0.6", "--error", "0.05"]
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "Forest to Town" in said
    assert f"landweave review {out}" in said
    assert run(["review", str(out), "--port", "0"]) == 0
    assert {event.kind for event in not_run[0].desk.job.events} == {"unit"}
    assert run(words) == 1
    for wrong in ("river=0.5", "change", "change=x"):
        assert run([*words[:-2], "--expect", wrong]) == 2


def test_mistakes_are_said_in_three_parts(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([str(tmp_path / "nothing")], ["export", str(tmp_path)], [str(job), "--database", "mysql://x"],
                  [str(job), "--port", "0", "--host", "not a host"]):  # fmt: skip
        assert run(["review", *words]) == 1
        said = capsys.readouterr().err
        assert all(part in said for part in ("given:", "expected:", "to do:"))
    assert run(["review", str(job), "--port", "99999"]) == 2


def test_a_missing_package_is_named(
    job: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    find: Any = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uvicorn" else find(name))
    assert run(["review", str(job)]) == 1
    said = capsys.readouterr().err
    assert "uvicorn" in said
    assert "landweave[review]" in said


def test_help_names_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["review"], ["review", "--help"]):
        assert run(words) in {0, 2}
        said = capsys.readouterr()
        assert all(command in said.out + said.err for command in ("serve", "export", "sample"))
