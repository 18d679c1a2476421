"""The command line: one verb a file, in the order of the pipeline; errors in three parts, exit codes 0, 1, 2, 3."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Annotated, TextIO

import typer

from landweave.cli.catalog import catalog
from landweave.cli.demo import demo
from landweave.cli.evaluate import evaluate
from landweave.cli.gallery import gallery
from landweave.cli.harmonize import harmonize
from landweave.cli.launch import launch
from landweave.cli.limb import limb
from landweave.cli.map import map as map_
from landweave.cli.patch import patch
from landweave.cli.plan import plan
from landweave.cli.report import report
from landweave.cli.review import review
from landweave.cli.scale import scale
from landweave.cli.series import series
from landweave.cli.simulate import simulate
from landweave.cli.train import train
from landweave.errors import LandweaveError
from landweave.jobs.worker import one_heap

# In the order of the pipeline, which is the order of the help.
VERBS: dict[str, tuple[str, Callable[..., None] | typer.Typer]] = {
    "simulate": ("Scenes", simulate),
    "catalog": ("Scenes", catalog),
    "patch": ("Training", patch),
    "train": ("Training", train),
    "launch": ("Training", launch),
    "scale": ("Training", scale),
    "plan": ("Training", plan),
    "gallery": ("Maps", gallery),
    "harmonize": ("Maps", harmonize),
    "map": ("Maps", map_),
    "series": ("Maps", series),
    "limb": ("Maps", limb),
    "review": ("Maps", review),
    "evaluate": ("Maps", evaluate),
    "report": ("Maps", report),
    "demo": ("All of it", demo),
}
# What shells take for "ended by Ctrl-C".
_INTERRUPTED = 130

# A paragraph that begins with a backspace keeps its lines.
_EPILOG = """\
\b
[bold]From scenes to a map[/bold]
  landweave catalog scenes/ -o catalog.parquet
  landweave patch --scenes catalog.parquet --labels truth.tif \\
                  --legend worldcover -o archive/
  landweave train recipe.toml --set archive=archive/ -o run/
  landweave map --card run/card --scenes catalog.parquet -o map/
  landweave evaluate --map map/map.tif --truth truth.tif -o evaluation/
  landweave report archive/ run/ map/ evaluation/ -o report.html

\b
[bold]Nothing at hand?[/bold]  landweave demo -o demo/
[bold]An example of each[/bold]  landweave VERB --help

\b
Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 done but for tasks
set aside, 130 stopped with Ctrl-C. Run a stopped command again: it goes on.
"""

app = typer.Typer(
    help="Weaves satellite scenes into land-cover maps, from a laptop to a cluster.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever sys.stderr is at that moment, so that lines stand above a drawn bar, not in it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.stream = sys.stderr
        super().emit(record)


def _print_version(wanted: bool) -> None:
    if wanted:
        from landweave.provenance import version

        typer.echo(f"landweave {version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and all that landweave logs.")] = False,
) -> None:
    """Read the options that stand before the verb."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", handlers=[_Stderr(sys.stderr)], force=True)
    # Only our own: some libraries log whole tables, or trip over their own messages.
    logging.getLogger("landweave").setLevel(logging.DEBUG if debug else logging.WARNING)
    if not debug:
        # It tells of every question that it asks again; what comes of them is told by the error, if any.
        logging.getLogger("urllib3").setLevel(logging.ERROR)


for _verb, (_panel, _function) in VERBS.items():
    if isinstance(_function, typer.Typer):
        app.add_typer(_function, name=_verb, rich_help_panel=_panel)
    else:
        app.command(_verb, rich_help_panel=_panel, no_args_is_help=_verb != "demo")(_function)


def main() -> None:
    """Run the command line and leave with its exit code."""
    # Names of files need not be UTF-8: they are shown escaped rather than not at all.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    one_heap()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run `arguments` (without the program's name) and give the exit code; mistakes of the user are said on stderr."""
    debug = "--debug" in arguments
    # It may stand anywhere: who needs it adds it to the end of a command that failed.
    words = [word for word in arguments if word != "--debug"]
    try:
        app(["--debug", *words] if debug else words, prog_name="landweave")
    except LandweaveError as error:
        if debug:
            raise
        say(error)
        return 1
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if code == _INTERRUPTED:
            typer.echo("\nstopped; run the same command again to go on: what is done is kept", err=True)
        return code
    finally:
        # Typer sets a hook of its own on every call.
        if not debug:
            sys.excepthook = unforeseen
    return 0


def say(error: LandweaveError) -> None:
    """Print the three parts of `error` on stderr."""
    for name, text in (("given", error.given), ("expected", error.expected), ("to do", error.do)):
        shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
        typer.echo(typer.style(f"{name:>9}: ", bold=True) + shown.replace("\n", "\n           "), err=True)


def unforeseen(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say in three parts what nobody foresaw: a full disk, too little memory, or a mistake in landweave."""
    place = trace
    while place and place.tb_next:
        place = place.tb_next
    where = f" in {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    mine = not isinstance(error, OSError | MemoryError)
    say(
        LandweaveError(
            f"{kind.__name__}: {error}{where}",
            "no such error: this is a mistake in landweave" if mine else "a machine that grants what was asked of it",
            "run it again with --debug and report what it prints" if mine else "free what is short and run it again",
        )
    )
