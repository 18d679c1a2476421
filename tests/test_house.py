"""The house as docs/house.md draws it: floors, fences and budgets, held by walking the syntax trees."""

from __future__ import annotations

import ast
import functools
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "landweave"

# From the top down. Groups on one floor: a group may import the groups after it, never its own or those before.
FLOORS: list[list[set[str]]] = [
    [{"cli"}],
    [{"demo", "review"}],
    [{"series", "harmonize", "limb"}],
    [{"mapping", "evaluation"}],
    [{"gallery"}],
    [{"recipe"}],
    [{"datasets"}, {"patches", "train", "report", "simulate"}],
    [{"parallel", "jobs"}],
    [{"models", "metrics", "raster", "spectra", "classical"}],
    [{"tiling"}, {"legend", "sensors"}, {"config"}, {"provenance"}, {"atomic"}, {"errors"}],
]
RANK = {room: rank for rank, group in enumerate(group for floor in FLOORS for group in floor) for room in group}

# Which top-level package may be imported where (paths relative to the package; a folder ends with /).
FENCES: dict[str, tuple[str, ...]] = {
    "rasterio": ("raster/",),
    "sklearn": ("classical/",),
    "torch.distributed": ("parallel/",),
    "pyspark": ("jobs/spark.py", "parallel/launch.py"),
    "multiprocessing": ("jobs/", "parallel/launch.py"),
    "torch.multiprocessing": ("jobs/", "parallel/launch.py"),
    "subprocess": ("jobs/", "parallel/launch.py"),
    "concurrent.futures.ProcessPoolExecutor": ("jobs/", "parallel/launch.py"),
    "h5py": ("patches/archive.py", "patches/virtual.py", "datasets/"),
    "matplotlib": ("report/",),
    "fastapi": ("review/",),
    "sqlalchemy": ("review/",),
    "os.replace": ("atomic.py",),
    "os.rename": ("atomic.py",),
    "os.renames": ("atomic.py",),
    "shutil.move": ("atomic.py",),
    "os.environ": ("cli/", "jobs/worker.py", "jobs/spark.py", "parallel/world.py", "parallel/launch.py"),
    "os.getenv": ("cli/", "jobs/worker.py", "jobs/spark.py", "parallel/world.py", "parallel/launch.py"),
    "pickle": (),
    "torch.load": (),
}
ESTIMATORS = {"classical", "train", "gallery", "series"}
MAY_SIMULATE = {"cli", "demo", "simulate"}

FILES = sorted(PACKAGE.rglob("*.py"))


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    return place(path).split("/")[0].removesuffix(".py")


def imported(node: ast.AST) -> Iterator[str]:
    """Full dotted names of everything that a file imports, inside functions too."""
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            yield from (alias.name for alias in each.names)
        elif isinstance(each, ast.ImportFrom) and each.module:
            yield each.module
            yield from (f"{each.module}.{alias.name}" for alias in each.names)


def attributes(node: ast.AST) -> Iterator[str]:
    """Dotted names that a file spells out, such as torch.distributed or os.environ."""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute):
            yield ast.unparse(each)


def functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for each in ast.walk(node):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each


def num_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: what the median budget counts."""
    first = node.body[0]
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return num_lines(node) - ((first.end_lineno or 0) - first.lineno + 1 if is_text else 0)


def own_imports(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(tree(path)) if name.startswith("landweave.")}


def under(name: str, fenced: str) -> bool:
    return name == fenced or name.startswith(fenced + ".")


def test_every_room_stands_on_a_floor() -> None:
    assert {room(path) for path in FILES if path.parent != PACKAGE or path.name != "__init__.py"} <= set(RANK)


def test_imports_only_go_down() -> None:
    for path in FILES:
        here = room(path)
        for other in own_imports(path) - {here}:
            assert RANK[other] > RANK[here], f"{place(path)} imports {other}, which does not lie below {here}"


def test_fences() -> None:
    for path in FILES:
        names = {*imported(tree(path)), *attributes(tree(path))}
        for fenced, allowed in FENCES.items():
            if not place(path).startswith(allowed or ("-",)):
                crossed = [name for name in names if under(name, fenced)]
                assert not crossed, f"{place(path)} uses {crossed}, which stands only in {allowed or 'no file'}"


def test_only_atomic_renames() -> None:
    for path in FILES:
        for node in ast.walk(tree(path)) if place(path) != "atomic.py" else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
                renames = node.func.attr in {"rename", "replace"} and len(node.args) == 1
                assert not renames, f"{place(path)}:{node.lineno} renames; use atomic.aside"


def test_simulation_and_methods_do_not_know_each_other() -> None:
    for path in FILES:
        if room(path) == "simulate":
            assert not own_imports(path) & ESTIMATORS, place(path)
        if room(path) not in MAY_SIMULATE:
            assert "simulate" not in own_imports(path), place(path)


def test_files_and_functions_are_small() -> None:
    for path in FILES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, place(path)
        for function in functions(tree(path)):
            assert num_lines(function) <= 60, f"{place(path)}:{function.lineno} {function.name}"


def test_the_median_function_is_short() -> None:
    lengths = [body_lines(function) for path in FILES for function in functions(tree(path))]
    assert statistics.median(lengths) <= 10


def test_imports_are_absolute_and_packages_are_empty() -> None:
    for path in FILES:
        relative = [n for n in ast.walk(tree(path)) if isinstance(n, ast.ImportFrom) and n.level]
        assert not relative, place(path)
        if path.name == "__init__.py":
            assert not path.read_text(encoding="utf-8").strip(), place(path)


def test_broad_excepts_stand_only_around_tasks() -> None:
    for path in FILES:
        for node in ast.walk(tree(path)) if room(path) != "jobs" else ():
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
                reraises = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))
                assert not broad or reraises, f"{place(path)}:{node.lineno} catches everything"


def test_no_print_below_the_command_line() -> None:
    for path in FILES:
        if room(path) != "cli":
            called = [
                n.func.id for n in ast.walk(tree(path)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
            ]
            assert "print" not in called, place(path)


def test_tests_are_at_least_as_long_as_code() -> None:
    def length(paths: list[Path]) -> int:
        return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)

    assert length(sorted((ROOT / "tests").rglob("*.py"))) >= length(FILES)


def test_the_walkers_see_what_they_should() -> None:
    made = ast.parse(
        "def f():\n    'Doc.'\n    import rasterio.io\n    from os import environ\n    torch.distributed.barrier()\n"
    )
    assert {"rasterio.io", "os.environ"} <= set(imported(made))
    assert "torch.distributed" in set(attributes(made))
    assert [body_lines(f) for f in functions(made)] == [4]
