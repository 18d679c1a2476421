"""The command line: help, exit codes, messages in three parts."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from landweave.cli import main
from landweave.errors import CardError, LandweaveError

HEAVY = ("torch", "numpy", "rasterio", "pandas", "h5py", "sklearn", "scipy", "matplotlib", "pydantic", "geopandas")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom landweave.cli.main import run\n"
        "assert run(['--help']) == 0\n"
        f"print('heavy:', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert "heavy: []" in done.stdout


def test_help_lists_the_verbs_in_pipeline_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    shown = capsys.readouterr().out
    verbs = [command.name for command in main.app.registered_commands]
    assert verbs == [verb for verb in main.VERBS if verb in verbs]
    places = [shown.index(f"│ {verb}") for verb in verbs]
    assert places == sorted(places)


def test_every_verb_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for command in main.app.registered_commands:
        assert main.run([str(command.name), "--help"]) == 0
        assert f"landweave {command.name}" in capsys.readouterr().out.split("Usage:", 1)[1].split("\n", 1)[1]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("landweave 0.")


@pytest.mark.parametrize("arguments", [["nosuchverb"], ["--nosuchoption"]])
def test_wrong_usage_leaves_with_2(arguments: list[str]) -> None:
    assert main.run(arguments) == 2


def refuse() -> None:
    raise CardError("a card for Landsat 8", "a card for Sentinel-2", "train one")


def interrupt() -> None:
    raise KeyboardInterrupt


def leave_with_3() -> None:
    raise typer.Exit(3)


def refuse_an_odd_path() -> None:
    raise LandweaveError("the path b\udcff", "UTF-8", "rename it\nsoon")


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.callback()(main.options)
    for function in (refuse, interrupt, leave_with_3, refuse_an_odd_path):
        app.command(function.__name__)(function)
    monkeypatch.setattr(main, "app", app)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.mark.usefixtures("verbs")
def test_a_refusal_is_said_in_three_parts_without_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["refuse"]) == 1
    shown = capsys.readouterr().err
    for part in ("given: a card for Landsat 8", "expected: a card for Sentinel-2", "to do: train one"):
        assert part in shown
    assert "Traceback" not in shown


@pytest.mark.usefixtures("verbs")
@pytest.mark.parametrize("arguments", [["--debug", "refuse"], ["refuse", "--debug"]])
def test_debug_lets_the_error_through(arguments: list[str]) -> None:
    with pytest.raises(CardError):
        main.run(arguments)


@pytest.mark.usefixtures("verbs")
def test_an_interrupt_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["interrupt"]) == 130
    assert "run the same command again" in capsys.readouterr().err


@pytest.mark.usefixtures("verbs")
def test_tasks_set_aside_leave_with_3() -> None:
    assert main.run(["leave_with_3"]) == 3


@pytest.mark.usefixtures("verbs")
def test_an_odd_path_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["refuse_an_odd_path"]) == 1
    assert "b\\udcff" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "place"), [("KeyError('x')", "a mistake in landweave"), ("MemoryError()", "a machine that grants")]
)
def test_what_nobody_foresaw_has_three_parts_too(error: str, place: str) -> None:
    code = (
        "import landweave.cli.main as main, typer\napp = typer.Typer()\napp.callback()(main.options)\n"
        f"def verb():\n    raise {error}\napp.command('verb')(verb)\nmain.app = app\nmain.run(['verb'])"
    )
    done = run_python(code)
    assert done.returncode == 1
    assert [part in done.stderr for part in ("given: ", place, "to do: ", "Traceback")] == [True, True, True, False]
