"""Java is found in JAVA_HOME or PATH, if it is new enough; else the error says how to get it."""

from __future__ import annotations

from pathlib import Path

import pytest

from landweave.errors import MissingPackageError
from landweave.jobs.java import find_java


def java(home: Path, version: str, exit_code: int = 0) -> Path:
    """A java that answers as those of that version do."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\nexit {exit_code}\n")
    program.chmod(0o755)
    return home


def environment(home: Path | None = None, path: Path | None = None) -> dict[str, str]:
    told = {"JAVA_HOME": str(home)} if home else {}
    return told | ({"PATH": str(path / "bin")} if path else {})


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_it_is_taken_from_java_home_first(tmp_path: Path, version: str) -> None:
    mine, other = java(tmp_path / "mine", version), java(tmp_path / "other", "17.0.1")
    assert find_java(environment(mine, other)) == mine


@pytest.mark.parametrize("version", ["1.8.0_401", "11.0.2"])
def test_one_that_is_too_old_gives_way_to_that_of_path(tmp_path: Path, version: str) -> None:
    old, new = java(tmp_path / "old", version), java(tmp_path / "new", "17")
    assert find_java(environment(old, new)) == new


def test_links_are_followed_to_its_home(tmp_path: Path) -> None:
    home = java(tmp_path / "jdk", "17")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert find_java(environment(path=tmp_path)) == home


def test_without_java_it_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingPackageError) as refused:
        find_java({"PATH": str(tmp_path)})
    assert "no java in JAVA_HOME or PATH" in refused.value.given
    assert "Java 17 or newer" in refused.value.expected
    assert "apt-get install openjdk-17-jre-headless" in refused.value.do


def test_all_that_will_not_do_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingPackageError) as refused:
        find_java(environment(java(tmp_path / "a", "1.8.0"), java(tmp_path / "b", "17", exit_code=1)))
    assert "Java 8" in refused.value.given
    assert "which does not run" in refused.value.given
    with pytest.raises(MissingPackageError, match="which does not run"):
        find_java(environment(tmp_path / "nowhere"))
