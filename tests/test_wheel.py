"""The wheel: everything below one root name, so that it lives beside Hugging Face's `datasets`."""

import hashlib
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("robustness", "pit", "datasets", "reports")
THEIRS = "import datasets; assert datasets.Dataset.from_dict({'a': [1, 2]})['a'][1] == 2"


def ran(*command: str | Path, cwd: Path) -> str:
    found = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert found.returncode == 0, found.stdout
    return found.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from what is committed."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    ran("git", "clone", "-q", ROOT, folder / "clone", cwd=folder)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder]
    ran(*build, folder / "clone", cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_everything_is_below_one_root_name_and_runs_from_there(wheel: Path, tmp_path: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"pit_robustness"}
    tracked = ran("git", "ls-files", *PACKAGES, cwd=wheel.parent / "clone")
    assert not {f"pit_robustness/{name}" for name in tracked.split()} - set(names)
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "from pit_robustness.evaluate_robustness import main; main(['--list-suites'])"
    assert "imagenet-c" in ran(sys.executable, "-c", code, cwd=tmp_path)


def hashes(folder: Path) -> dict[str, str]:
    """Hash what a package's files hold, its byte code aside."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.skipif(
    "ROBUSTNESS_SLOW_TESTS" not in os.environ, reason="installs Hugging Face's datasets; set ROBUSTNESS_SLOW_TESTS=1"
)
def test_hugging_faces_datasets_works_beside_the_wheel_and_outlives_it(wheel: Path, tmp_path: Path) -> None:
    ran(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv/bin/python"
    site = Path(ran(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    (site / "shared.pth").write_text(sysconfig.get_path("purelib"))  # torch and the rest are not installed twice
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    ran(*pip, "install", "-q", "datasets", cwd=tmp_path)
    theirs = hashes(site / "datasets")
    ran(*pip, "install", "-q", "--no-deps", wheel, cwd=tmp_path)
    ran(python, "-c", f"{THEIRS}; import pit_robustness.datasets as ours; assert ours is not datasets", cwd=tmp_path)

    command = tmp_path / "venv/bin/evaluate-robustness"
    assert "imagenet-c" in ran(command, "--list-suites", cwd=tmp_path)
    words = ("--model", "efficientnet_lite0", "--suite", "imagenet", "--sample", "--limit", "2", "--out", "results")
    assert "95 % intervals" in ran(command, *words, cwd=tmp_path)

    ran(*pip, "uninstall", "-q", "-y", "pit-robustness", cwd=tmp_path)
    assert not (site / "pit_robustness").exists()
    assert hashes(site / "datasets") == theirs
    ran(python, "-c", THEIRS, cwd=tmp_path)
