"""Find the Java that Spark needs: in JAVA_HOME or PATH, new enough, or an error that says how to get it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from landweave.errors import MissingPackageError

OLDEST = 17
_ANSWER_S = 20.0


def find_java(environment: Mapping[str, str]) -> Path:
    """The home of the first Java of version 17 or newer: that of JAVA_HOME, else the one in PATH.

    Args:
        environment: Where JAVA_HOME and PATH are looked up.

    Raises:
        MissingPackageError: There is none, or what is there is too old.
    """
    found = []
    for name, java in _candidates(environment):
        version = _version(java)
        if version is not None and version >= OLDEST:
            return java.resolve().parents[1]
        found.append(f"{name} {java} ({'which does not run' if version is None else f'Java {version}'})")
    raise MissingPackageError(
        f"a machine with {' and '.join(found) or 'no java in JAVA_HOME or PATH'}",
        f"Java {OLDEST} or newer, which Apache Spark runs on",
        "apt-get install openjdk-17-jre-headless (conda install openjdk=17), or set JAVA_HOME to one that you have",
    )


def _candidates(environment: Mapping[str, str]) -> list[tuple[str, Path]]:
    home, in_path = environment.get("JAVA_HOME"), shutil.which("java", path=environment.get("PATH", ""))
    found = [("JAVA_HOME's", Path(home) / "bin" / "java")] if home else []
    return found + ([("PATH's", Path(in_path))] if in_path else [])


def _version(java: Path) -> int | None:
    """The major version that `java -version` tells, or None where it tells none; 1.8 is 8."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    return int(match[1]) if match and told.returncode == 0 else None
