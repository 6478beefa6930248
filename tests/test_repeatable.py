"""A number depends on model, data, condition and seed alone: not on batches, threads, order, processes or a stop."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch
from faults.broken import SlowModel
from faults.command import Chunks, Command, assert_same, network, records

ROUNDING = 1e-5  # of confidences and distances, where another number of summands at a time is another order of them
SUITES, ATTACKS = ("occlusion", "imagenet-c-extra"), ("fgsm", "pgd")


@dataclass(frozen=True)
class Threads:
    """Compute with so many threads, as OMP_NUM_THREADS asks for in a process that has not begun."""

    count: int

    def __call__(self) -> None:
        torch.set_num_threads(self.count)


def words(suites: Sequence[str], attacks: Sequence[str]) -> tuple[str, ...]:
    asked = ("--suite", ",".join(suites), "--attack", ",".join(attacks))
    return ("--sample", "--limit", "6", "--eps", "24/255,40/255", "--formats", "csv", *asked)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return network(tmp_path_factory.mktemp("network"))


def command(model: str, out: Path, suites: Sequence[str] = SUITES, attacks: Sequence[str] = ATTACKS) -> Command:
    return Command(("--model", model, *words(suites, attacks)), out, (Chunks(2),))


@pytest.fixture(scope="module")
def expected(model: str, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    plain = command(model, tmp_path_factory.mktemp("plain"))
    code, said = plain.call("--batch-size", 2, "--workers", 1)
    assert code == 0, said
    found = records(plain.run)
    attacked = found[found["suite"] == "adversarial"]
    assert len(found) == 6 * (1 + 10 + 20 + 4) and 0 < attacked["success"].mean() < 1
    return found


@pytest.mark.parametrize(("batch_size", "workers", "threads"), [(1, 0, 1), (7, 3, 2)])
def test_batches_and_threads_change_nothing(
    model: str, expected: pd.DataFrame, tmp_path: Path, batch_size: int, workers: int, threads: int
) -> None:
    other = command(model, tmp_path)
    code, said = other.call("--batch-size", batch_size, "--workers", workers, changes=(Threads(threads),))
    assert code == 0, said
    assert_same(records(other.run), expected, ROUNDING)


def test_the_order_of_suites_and_attacks_changes_nothing(model: str, expected: pd.DataFrame, tmp_path: Path) -> None:
    other = command(model, tmp_path, SUITES[::-1], ATTACKS[::-1])
    code, said = other.call()
    assert code == 0, said
    assert_same(records(other.run), expected, ROUNDING)


@pytest.mark.parametrize("size", [2, 3])
def test_the_number_of_processes_changes_nothing(model: str, expected: pd.DataFrame, tmp_path: Path, size: int) -> None:
    other = command(model, tmp_path)
    started = [other.start("--batch-size", 2, rank=rank, size=size) for rank in range(size)]
    assert [one.ended() for one in started] == [0] * size, [one.said() for one in started]
    assert_same(records(other.run), expected, ROUNDING)


@pytest.mark.parametrize(("number", "before", "after"), [(signal.SIGINT, 2, 1), (signal.SIGTERM, 1, 2)])
def test_a_stop_and_other_processes_change_nothing(
    model: str, expected: pd.DataFrame, tmp_path: Path, number: signal.Signals, before: int, after: int
) -> None:
    other = command(model, tmp_path)
    started = [other.start(rank=rank, size=before, changes=(SlowModel(0.05),)) for rank in range(before)]
    other.wait_for_parts(5, started[0])
    for one in started:
        one.send(number)
    assert [one.ended() for one in started] == [130] * before, [one.said() for one in started]
    assert 5 <= len(other.parts()) < 27
    started = [other.start(rank=rank, size=after) for rank in range(after)]
    assert [one.ended() for one in started] == [0] * after, [one.said() for one in started]
    assert_same(records(other.run), expected, ROUNDING)
