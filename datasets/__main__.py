"""Data sets: fetch them, see what there is, and hold a copy against what was published.

python -m datasets download imagenet-a imagenet-r --data-root data
python -m datasets check imagenet-a --data data/imagenet-a
"""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from .check import check, describe
from .downloads.catalogue import CATALOGUE, files_of, steps_by_hand
from .downloads.download import download
from .downloads.progress import in_units, shown
from .errors import DataError, printable, some
from .registry import find

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
app = App(
    name="python -m datasets",
    help=__doc__,
    help_format="plaintext",
    version_flags=(),
    suppress_keyboard_interrupt=False,
    exit_on_error=False,
    print_error=False,
)
DataRoot = Annotated[Path | None, Parameter(env_var="ROBUSTNESS_DATA")]
_EXAMPLE_ROOT = Path("data")  # in the steps to take by hand, where no data root is given


def main(words: Sequence[str] | None = None) -> int:
    """Run the command with `words` for its arguments and return its exit code; they default to the command line's."""
    try:
        code: int | None = app(words, result_action="return_value")
    except CycloptsError as error:
        return _fail(DataError(str(error).strip()), MISUSED)
    except OSError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        print("interrupted; what has come is kept, the same command goes on from there", file=sys.stderr)
        return INTERRUPTED
    return code or DONE


@app.command(name="download")
def download_command(
    names: Annotated[tuple[str, ...], Parameter(negative="")],
    /,
    *,
    data_root: DataRoot = None,
    accept_license: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Fetch data sets, or go on with it; archives stay packed.

    Parameters
    ----------
    names
        Which ones; `list` shows what there is.
    data_root
        Where all data sets live. Each gets a folder of its name there. Not needed to read how to get data by hand.
    accept_license
        Accept the conditions of data sets that ask for it; without this flag they are shown.
    """
    try:
        root = _root(names, data_root)
    except DataError as error:
        return _fail(error, MISUSED)
    code = DONE
    with _log_to_stderr():
        for name in names:
            try:
                paths = download(name, root, accept_license=accept_license, progress=shown)
            except DataError as error:
                code = _fail(error, FAILED)
            else:
                print("\n".join(printable(str(path)) for path in paths), flush=True)
    return code


@app.command(name="list")
def list_command() -> int:
    """Show what `download` knows: name, files, size, licence, and where it comes from."""
    rows = [("name", "files", "size", "licence", "from")]
    for name, files in CATALOGUE.items():
        sizes = [file.about for file in files]
        size = in_units(sum(filter(None, sizes))) if all(sizes) else "not published"
        hosts = dict.fromkeys(urlsplit(address).hostname for file in files for address in file.addresses)
        licences = dict.fromkeys(file.license for file in files)
        origin = ", ".join(map(str, hosts)) or f"by hand: download {name} tells how"
        rows.append((name, str(len(files)), size, " or ".join(licences), origin))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    print("\n".join(lines))
    return DONE


@app.command(name="check")
def check_command(
    name: str,
    /,
    *,
    data: str | None = None,
    data_root: DataRoot = None,
    decode: Annotated[bool, Parameter(negative="")] = False,
    workers: int | None = None,
) -> int:
    """Say what a copy of a data set holds, and what is wrong with it; exit code 1 if something is.

    Parameters
    ----------
    name
        Which data set, as suites call it.
    data
        Where it lies: a folder, archives, parquet files, hf://org/name.
    data_root
        Where all data sets live, instead of --data.
    decode
        Read and decode every image too.
    workers
        Threads that decode; as many as processors if not given.
    """
    try:
        place = data or (find(name, data_root) if data_root else None)
        if place is None:
            lacks = f"is not found in {data_root}" if data_root else "needs --data PATH or --data-root DIR"
            return _fail(DataError(f"{name} {lacks}"), FAILED if data_root else MISUSED)
        with _log_to_stderr(), tqdm(desc=name, unit="image", disable=None if decode else True) as bar:
            threads = max(1, workers or os.cpu_count() or 1)
            report = check(name, place, read_all=decode, workers=threads, advance=bar.update)
    except DataError as error:
        return _fail(error, FAILED)
    print("\n".join(map(printable, describe(report))))
    return FAILED if report.problems else DONE


def _root(names: Sequence[str], given: Path | None) -> Path:
    """Say below which folder data sets belong. Raises DataError for unknown ones, and where it has to be given."""
    for name in names:
        files_of(name)
    fetched = [name for name in names if steps_by_hand(name, _EXAMPLE_ROOT) is None]
    if given is None and fetched:
        raise DataError(f"where should {some(fetched)} go? Give --data-root DIR, or set ROBUSTNESS_DATA to it")
    return given or _EXAMPLE_ROOT


def _fail(error: Exception, code: int) -> int:
    print(f"error: {error}", file=sys.stderr, flush=True)
    return code


@contextmanager
def _log_to_stderr() -> Iterator[None]:
    """Show what the package has to say as plain lines, above a bar if there is one."""
    package, handler = logging.getLogger(__package__), logging.StreamHandler()
    level = package.level
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        with logging_redirect_tqdm([package]):
            yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)


if __name__ == "__main__":
    sys.exit(main())
