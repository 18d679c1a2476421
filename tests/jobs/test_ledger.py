"""The ledger only grows, survives torn lines, and refuses another job's folder."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from landweave.errors import OutputError, SceneError
from landweave.jobs.executor import Outcome
from landweave.jobs.ledger import NAME, opened, retry_failed

JOB = {"card": "abc", "core_px": 1024}


def test_what_is_added_is_there_next_time(tmp_path: Path) -> None:
    with opened(tmp_path / "new", JOB) as ledger:
        ledger.add(Outcome("a", {"pixels": 4}))
        ledger.add(Outcome("b", {}, SceneError("x", "y", "z")))
    with opened(tmp_path / "new", dict(reversed(JOB.items()))) as ledger:
        assert ledger.done == {"a": {"pixels": 4}}
        assert list(ledger.failed) == ["b"]
        ledger.add(Outcome("b", {"pixels": 2}))
        assert not ledger.failed


def test_every_torn_end_is_tolerated(tmp_path: Path) -> None:
    with opened(tmp_path, JOB) as ledger:
        ledger.add(Outcome("a", {"pixels": 4}))
        complete = ledger.path.read_bytes()
        ledger.add(Outcome("b", {"pixels": 4}))
        longer = ledger.path.read_bytes()
    assert len(longer) > len(complete) + 10
    for length in range(len(complete), len(longer)):
        (tmp_path / NAME).write_bytes(longer[:length])
        with opened(tmp_path, JOB) as ledger:
            assert set(ledger.done) == {"a"}
            assert ledger.path.read_bytes() == complete


def test_leftovers_of_killed_runs_are_swept(tmp_path: Path) -> None:
    with opened(tmp_path, JOB):
        pass
    left = tmp_path / "tiles" / ".0123456789ab.aside.tif"
    left.parent.mkdir()
    left.write_bytes(b"half")
    with opened(tmp_path, JOB):
        assert not left.exists()


def refused(folder: Path, job: dict[str, object], share: str = "") -> OutputError:
    with pytest.raises(OutputError) as caught, opened(folder, job, share):
        pass
    assert caught.value.expected
    assert "another output" in caught.value.do
    return caught.value


def test_another_job_is_refused_and_the_difference_named(tmp_path: Path) -> None:
    with opened(tmp_path, JOB):
        pass
    error = refused(tmp_path, {**JOB, "core_px": 512})
    assert "core_px was 1024, is now 512" in error.given
    assert "card" not in error.given.split(":", 1)[1]


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("precious")
    assert "thesis.doc" in refused(tmp_path, JOB).given
    assert (tmp_path / "thesis.doc").read_text() == "precious"


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe\n", b'{"format": 2}\n'])
def test_a_damaged_ledger_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert NAME in refused(tmp_path, JOB).given


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, JOB):
        assert "another landweave process" in refused(tmp_path, JOB).given
        context = multiprocessing.get_context("spawn")
        other = context.Process(target=refused, args=(tmp_path, JOB))
        other.start()
        other.join()
        assert other.exitcode == 0


def test_shares_have_ledgers_of_their_own_which_the_whole_takes_over(tmp_path: Path) -> None:
    with opened(tmp_path, JOB, "1-of-2") as one, opened(tmp_path, JOB, "2-of-2") as two:
        assert one.path != two.path
        one.add(Outcome("a", {"pixels": 4}))
        two.add(Outcome("b", {"pixels": 3}))
        two.add(Outcome("c", {}, SceneError("x", "y", "z")))
        # What another one is writing is not swept away.
        half = tmp_path / ".0123456789ab.aside.h5"
        half.write_bytes(b"half")
        with opened(tmp_path, JOB, "3-of-3") as third:
            assert third.done == {"a": {"pixels": 4}, "b": {"pixels": 3}}
        assert half.exists()
    with opened(tmp_path, JOB) as whole:
        assert not half.exists()
        assert set(whole.done) == {"a", "b"} and set(whole.failed) == {"c"}
        whole.add(Outcome("c", {"pixels": 1}))
    with opened(tmp_path, JOB) as whole:
        assert set(whole.done) == {"a", "b", "c"} and not whole.failed


def test_a_task_that_was_done_and_then_failed_is_not_done(tmp_path: Path) -> None:
    with opened(tmp_path, JOB) as ledger:
        ledger.add(Outcome("a", {"pixels": 4}))
        ledger.add(Outcome("a", {}, SceneError("x", "y", "z")))
    with opened(tmp_path, JOB) as ledger:
        assert not ledger.done and set(ledger.failed) == {"a"}


def test_a_share_leaves_the_torn_line_of_another_alone(tmp_path: Path) -> None:
    with opened(tmp_path, JOB, "1-of-2") as one:
        one.add(Outcome("a", {"pixels": 4}))
        torn = one.path.read_bytes() + b'{"key": "b", "sec'
        one.path.write_bytes(torn)
        with opened(tmp_path, JOB, "2-of-2") as two:
            assert set(two.done) == {"a"}
        assert one.path.read_bytes() == torn


def test_shares_and_the_whole_exclude_each_other(tmp_path: Path) -> None:
    with opened(tmp_path, JOB, "1-of-2"):
        with pytest.raises(OutputError), opened(tmp_path, JOB):
            pass
        with pytest.raises(OutputError), opened(tmp_path, JOB, "1-of-2"):
            pass
        assert "core_px was 1024, is now 5" in refused(tmp_path, {**JOB, "core_px": 5}, "2-of-2").given
    with opened(tmp_path, JOB), pytest.raises(OutputError), opened(tmp_path, JOB, "1-of-2"):
        pass


def test_failed_tasks_are_taken_up_again_only_when_asked(tmp_path: Path) -> None:
    with opened(tmp_path, JOB) as ledger:
        ledger.add(Outcome("a", {"pixels": 4}))
        ledger.add(Outcome("b", {}, SceneError("x", "y", "z")))
        with pytest.raises(OutputError, match="another landweave process"):
            retry_failed(tmp_path)
    assert retry_failed(tmp_path) == 1
    with opened(tmp_path, JOB) as ledger:
        assert (set(ledger.done), ledger.failed) == ({"a"}, {})
        ledger.add(Outcome("b", {}, SceneError("x", "y", "again")))
    with opened(tmp_path, JOB) as ledger:
        assert "again" in ledger.failed["b"]
    assert retry_failed(tmp_path / "nowhere") == 0
    assert not (tmp_path / "nowhere").exists()


def test_those_of_shares_too(tmp_path: Path) -> None:
    with opened(tmp_path, JOB, "1-of-2") as ledger:
        ledger.add(Outcome("a", {}, SceneError("x", "y", "z")))
    with opened(tmp_path, JOB) as ledger:
        assert set(ledger.failed) == {"a"}
    assert retry_failed(tmp_path) == 1
    with opened(tmp_path, JOB) as ledger:
        assert not ledger.failed
