"""One small run, undisturbed, with which every disturbed one is compared."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from .command import Command, network, records

WORDS = ("--sample", "--suite", "occlusion", "--attack", "fgsm", "--eps", "40/255", "--formats", "csv")


@pytest.fixture(autouse=True)
def _none_goes_on() -> Iterator[None]:
    """Kill what a test that failed leaves running."""
    yield
    for process in multiprocessing.active_children():
        process.kill()
        process.join()


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    return ("--model", network(tmp_path_factory.mktemp("network")), *WORDS)


@pytest.fixture(scope="session")
def undisturbed(words: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    command = Command(words, tmp_path_factory.mktemp("undisturbed"))
    code, said = command.call()
    assert code == 0, said
    found = records(command.run)
    attacked = found[found["suite"] == "adversarial"]
    assert len(found) == 20 * 12 and 0.1 < attacked["success"].mean() < 0.9
    return found


@pytest.fixture
def command(words: tuple[object, ...], tmp_path: Path) -> Command:
    return Command(words, tmp_path / "out")
