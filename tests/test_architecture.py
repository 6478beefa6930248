"""The star: packages know nothing of each other, and one file joins them."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("robustness", "pit", "datasets", "reports")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Name the top-level packages that a file imports absolutely."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.split(".")[0])
    return names


# A command may join packages: this one folds and compares past runs, whose figures come from records, without torch.
JOINERS = {ROOT / "reports" / "__main__.py": {"robustness"}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_import_nothing_of_each_other_and_relatively_inside(path: Path) -> None:
    assert not imported(path) & ({*PACKAGES, "evaluate_robustness", "tests"} - JOINERS.get(path, set()))


def at_import(node: ast.AST) -> Iterator[ast.ImportFrom]:
    """Find the relative imports that run when a module is imported, so none of functions and none for types alone."""
    if isinstance(node, ast.ImportFrom) and node.level:
        yield node
    elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        typed = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for child in ast.iter_child_nodes(node):
            if not (typed and child in node.body):
                yield from at_import(child)


def needs(path: Path, tree: ast.AST) -> set[Path]:
    """Name the files that a file must import first: `from .a import b` is of a/b.py, a/__init__.py or a.py."""
    found = set()
    for node in at_import(tree):
        base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
        for name in node.names:
            options = (base / f"{name.name}.py", base / name.name / "__init__.py", base / "__init__.py")
            found.add(next(filter(Path.is_file, options), base.with_suffix(".py")))
    return found


def import_order(paths: list[Path]) -> list[Path]:
    graph = {path: needs(path, ast.parse(path.read_text())) for path in paths}
    return list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_of_a_package_import_each_other_in_a_circle(package: str) -> None:
    paths = [path for path in FILES if path.is_relative_to(ROOT / package)]
    assert all(map(Path.is_file, import_order(paths)))  # a file that is not there hides a circle


@pytest.mark.parametrize(
    ("first", "circle"),
    [
        ("from .b import x", True),
        ("from . import b", True),
        ("if True:\n    from . import b", True),
        ("class A:\n    from .b import x", True),
        ("def f():\n    from . import b", False),
        ("if TYPE_CHECKING:\n    from .b import x", False),
        ("if typing.TYPE_CHECKING:\n    x = 1\nelse:\n    from .b import x", True),
        ("import b", False),
    ],
)
def test_a_circle_is_found_where_imports_run(first: str, circle: bool, tmp_path: Path) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "a.py").write_text(first)
    (tmp_path / "b.py").write_text("from .a import y")
    if circle:
        with pytest.raises(graphlib.CycleError):
            import_order(sorted(tmp_path.glob("*.py")))
    else:
        import_order(sorted(tmp_path.glob("*.py")))


PEERS = ["foolbox", "imagecorruptions", "torchattacks", "art", "pyautoattack", "torchmetrics"]
PEERS += ["cv2", "skimage", "sklearn", "statsmodels", "numba", "wand"]


@pytest.mark.parametrize("peer", PEERS)
def test_peers_are_never_imported_by_the_product(peer: str) -> None:
    assert not [path for path in (*FILES, ROOT / "evaluate_robustness.py") if peer in imported(path)]


@pytest.mark.parametrize("module", ["reports", "reports.__main__", "robustness.metrics"])
def test_old_runs_can_be_read_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
