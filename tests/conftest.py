"""Fixtures for all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests.shapes import install

from landweave.jobs.worker import num_cores

# No timed tests: on a machine that is shared an example may take any time.
# The same examples every time: a change is to blame for a failure, not the draw.
settings.register_profile("landweave", deadline=None, derandomize=True)
settings.load_profile("landweave")
install()
# Workers of pytest-xdist that each compute on all cores wait for one another. What they start takes it over.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(num_cores() // workers, 1)))


@pytest.fixture(autouse=True)
def _own_threads() -> Iterator[None]:
    """A test that limits the threads of this process limits its own alone: other threads give other last digits."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else num_cores()
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data beside the checkout, or where LANDWEAVE_REAL_DATA says."""
    default = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("LANDWEAVE_REAL_DATA", default))
    if not folder.is_dir():
        pytest.fail(f"no real data in {folder}; set LANDWEAVE_REAL_DATA")
    return folder


# What the tests left out by a mark need, and the command that gets it.
NEEDS = {
    "real": "the real data: LANDWEAVE_REAL_DATA=FOLDER .venv/bin/python -m pytest -m real",
    "spark": "Java 17: apt-get install openjdk-17-jre-headless && .venv/bin/python -m pytest -m spark",
    "browser": "Chromium: apt-get install chromium && .venv/bin/python -m pytest -m browser",
    "postgres": "PostgreSQL with PostGIS: bash .ci/run gets it by apt, or .venv/bin/python -m pytest -m postgres",
    "gpu": "a CUDA device: .venv/bin/python -m pytest -m gpu",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-must-run", action="store_true", help="fail when a test is skipped")


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in NEEDS:
            if item.get_closest_marker(mark):
                item.config.stash.setdefault(NOT_RUN, {}).setdefault(mark, []).append(item.nodeid)


NOT_RUN = pytest.StashKey[dict[str, list[str]]]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """With pytest-xdist only the worker processes collect; each tells the same."""
    if told := getattr(node, "workeroutput", {}).get("not run"):
        node.config.stash[NOT_RUN] = told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the tests that were not run and say how to get what they need."""
    for mark, names in config.stash.get(NOT_RUN, {}).items():
        terminalreporter.section(f"{len(names)} not run, marked {mark}")
        for name in names:
            terminalreporter.line(name)
        terminalreporter.line(f"they need {NEEDS[mark]}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With --all-must-run a skipped test is a failed run."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not run"] = session.config.stash.get(NOT_RUN, {})
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--all-must-run") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
