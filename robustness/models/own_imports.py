"""What a file of one's own imports from its folder, read from its text.

A process knows one module of a name: a second `layers` would silently be the first. What is installed, or comes with
Python, goes before a file of the same name, as in any process that has imported it.
"""

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate
from pathlib import Path

from ..errors import UsageError

TOOLKIT = Path(__file__).parents[2]


def refuse_strangers(path: Path, spec: str, folders: Collection[Path]) -> None:
    """Raise UsageError when a file imports a module of its folder whose name a module of other models has, or ours.

    path: the file, absolute. folders: of the files that other models come from. What it imports is followed through its
    folder, as far as that is not loaded yet.
    """
    waiting, seen = [(path, "")], set()
    while waiting:
        file, package = waiting.pop()
        for name in _imports(file, package):
            own = _file_of(name, path.parent)
            if own is None or name in seen:
                continue
            seen.add(name)
            loaded = getattr(sys.modules.get(name), "__file__", None)
            if loaded is None:
                waiting.append((own, name if own.name == "__init__.py" else name.rpartition(".")[0]))
            elif Path(loaded).resolve() != own.resolve() and _below(Path(loaded), [*folders, TOOLKIT]):
                raise UsageError(
                    f"{spec} imports {name}, and would get {loaded}, which is loaded already, instead of {own}; rename "
                    f"yours, or give each model a run of its own: `python -m reports compare` joins them"
                )


def _imports(file: Path, package: str) -> Iterator[str]:
    """List the dotted names that a file may mean to import, those of packages first. package: the one it is in."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # whoever executes it is told
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            names = [".".join(filter(None, (*above, node.module, alias.name))) for alias in node.names]
        else:
            continue
        for name in names:
            yield from accumulate(name.split("."), "{}.{}".format)


def _below(file: Path, folders: Iterable[Path]) -> bool:
    """Tell whether a file lies in one of the folders, but for what is installed there."""
    return any(file.is_relative_to(folder) for folder in folders) and "site-packages" not in file.parts


def _file_of(name: str, folder: Path) -> Path | None:
    """Find the file by which a folder has a module of a dotted name."""
    stem = folder.joinpath(*name.split("."))
    return next((file for file in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")) if file.is_file()), None)
