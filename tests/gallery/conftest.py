"""A tiny gallery with models, trained once for all tests of the room."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.gallery import trained


@pytest.fixture(scope="session")
def models_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with archive/ and gallery/, whose models are trained. Leave it as it is: copy it to change it."""
    folder = tmp_path_factory.mktemp("models")
    trained.gallery_with_archive(folder)
    trained.train(folder)
    return folder


@pytest.fixture
def models_copy(models_made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(models_made, tmp_path / "copy")
    return tmp_path / "copy"
