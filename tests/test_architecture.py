"""The star: packages know nothing of each other, and one file joins them."""

import ast
import subprocess
import sys
import zipfile
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


@pytest.mark.parametrize("peer", ["foolbox", "imagecorruptions", "torchattacks", "cv2", "skimage", "numba"])
def test_peers_are_never_imported_by_the_product(peer: str) -> None:
    assert not [path for path in (*FILES, ROOT / "evaluate_robustness.py") if peer in imported(path)]


@pytest.mark.parametrize("module", ["reports", "reports.__main__", "robustness.metrics"])
def test_old_runs_can_be_read_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_wheel_puts_everything_below_one_root_name(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True, capture_output=True)
    subprocess.run([*command, str(tmp_path / "clone")], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"pit_robustness"}
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True)
    missing = {f"pit_robustness/{name}" for name in tracked.stdout.split()} - set(names)
    assert not missing
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    listed = subprocess.run(
        [sys.executable, "-c", "from pit_robustness.evaluate_robustness import main; main(['--list-suites'])"],
        cwd=tmp_path / "site",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "imagenet-c" in listed.stdout
