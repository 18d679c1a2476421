"""Finding what folders hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from landweave.errors import ConfigError
from landweave.report.find import find


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")


def test_files_are_found_by_what_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "run/log.jsonl", "run/card/card.json", "map/map.tif", "b/evaluation.json", "a/evaluation.json")
    found = find([tmp_path])
    assert [path.parent.name for path in found.of("evaluation")] == ["a", "b"]
    assert found.of("card") == [tmp_path / "run/card/card.json"]
    assert found.of("archive") == []


def test_a_folder_given_twice_is_found_once(tmp_path: Path) -> None:
    touch(tmp_path, "map/map.tif")
    assert len(find([tmp_path, tmp_path / "map"]).of("map")) == 1


def test_hidden_and_very_deep_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "map/map.tif", ".old/map.tif", "1/2/3/4/5/6/map.tif")
    assert len(find([tmp_path]).of("map")) == 1


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        find([tmp_path / "nowhere"])
    assert "nowhere" in error.value.given
    assert error.value.do == "check the path"


def test_folders_with_nothing_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "holiday/beach.jpg")
    with pytest.raises(ConfigError) as error:
        find([tmp_path])
    assert "evaluation.json" in error.value.given
    assert "landweave" in error.value.expected
    assert error.value.do == "give at least one of them"


@pytest.mark.parametrize("content", ["{torn", "[1, 2]", json.dumps({"format": 2}), "\udcff"])
def test_what_cannot_be_read_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    found = find([tmp_path])
    assert found.json(path) == {}
    assert len(found.unread) == 1
    assert "card.json" in found.unread[0]


def test_a_torn_last_line_of_a_log_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"format": 1}\n{"kind": "epoch", "done": 1}\n{"kind": "epo')
    found = find([tmp_path])
    assert found.lines(path) == [{"kind": "epoch", "done": 1}]
    assert found.unread == []


def test_a_damaged_log_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"format": 1}\nnonsense\n{"kind": "epoch"}\n')
    found = find([tmp_path])
    assert found.lines(path) == []
    assert "log.jsonl" in found.unread[0]
