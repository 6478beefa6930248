"""Killed, interrupted, stopped for too long: whatever was finished is kept, and the end is the same."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from .broken import LongBatch, ShortLease, SlowDisk, SlowModel
from .command import Command, assert_same, records
from .kills import killed_again_and_again


def test_a_run_that_is_killed_again_and_again(command: Command, undisturbed: pd.DataFrame) -> None:
    kills = killed_again_and_again(command, kills=3, seed=0)
    assert any(kill.made for kill in kills)  # the others may have hit the start
    assert_same(records(command.run), undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_a_slow_disk_is_written_to(
    command: Command, undisturbed: pd.DataFrame, number: signal.Signals
) -> None:
    running = command.start(changes=(SlowDisk(0.2),))
    command.wait_for_parts(2, running)
    running.send(number)
    assert running.ended() == 130, running.said()
    assert running.said().endswith("interrupted; what was finished is kept, the same command goes on from there\n")
    assert 2 <= len(command.parts()) < 15
    assert not list(command.out.glob("**/*.tmp")) and not list(command.out.glob("**/.*.claim"))
    code, said = command.call()
    assert code == 0, said
    assert_same(records(command.run), undisturbed)


@pytest.mark.parametrize(("threads", "seconds"), [(1, 120.0), (2, 5.0)])
def test_a_second_interruption_does_not_wait_for_the_batch(
    command: Command, tmp_path: Path, threads: int, seconds: float
) -> None:
    """Of one thread; where several share a batch, those at work end what they are at."""
    begun = tmp_path / "begun"
    running = command.start(changes=(LongBatch(seconds, begun, threads),))
    running.wait_until(begun.exists)
    command.wait_for_parts(1, running)
    running.send(signal.SIGINT)
    time.sleep(1)  # two signals at once are one
    begin = time.monotonic()
    running.send(signal.SIGINT)
    assert running.ended() == 130 and time.monotonic() - begin < 30
    assert "Traceback" not in running.said()


def test_one_of_two_dies_and_the_other_does_it_all(command: Command, undisturbed: pd.DataFrame) -> None:
    slow = SlowModel(0.05)
    leader, follower = (command.start(rank=rank, size=2, changes=(slow,)) for rank in range(2))
    command.wait_for_parts(3, follower)
    assert list(command.run.glob("records/.*.claim"))
    follower.send(signal.SIGKILL)
    assert follower.ended() == -signal.SIGKILL
    assert leader.ended() == 0, leader.said()
    assert_same(records(command.run), undisturbed)
    assert (command.run / "scores.csv").exists()


def test_the_leader_dies_and_whoever_comes_next_reports(command: Command, undisturbed: pd.DataFrame) -> None:
    leader, follower = (command.start(rank=rank, size=2, changes=(SlowModel(0.05),)) for rank in range(2))
    command.wait_for_parts(3, leader)
    leader.send(signal.SIGKILL)
    assert leader.ended() == -signal.SIGKILL
    assert follower.ended() == 0, follower.said()
    assert_same(records(command.run), undisturbed)
    code, said = command.call()
    assert code == 0, said
    assert (command.run / "scores.csv").exists()


def test_one_that_was_stopped_for_longer_than_its_lease_does_no_harm(
    command: Command, undisturbed: pd.DataFrame
) -> None:
    changes = (SlowModel(0.05), ShortLease(0.5))
    leader, follower = (command.start(rank=rank, size=2, changes=changes) for rank in range(2))
    command.wait_for_parts(3, follower)
    follower.send(signal.SIGSTOP)
    try:
        assert leader.ended() == 0, leader.said()
        assert_same(records(command.run), undisturbed)
    finally:
        follower.send(signal.SIGCONT)
    assert follower.ended() == 0, follower.said()
    assert_same(records(command.run), undisturbed)


def test_a_clock_that_jumps_in_mid_run(command: Command, undisturbed: pd.DataFrame) -> None:
    pair = [command.start(rank=rank, size=2, changes=(SlowModel(0.05),)) for rank in range(2)]
    for count, hours in ((3, -1), (6, 1)):
        command.wait_for_parts(count, pair[0])
        for claim in command.run.glob("**/.*.claim"):
            with suppress(FileNotFoundError):  # it was given back meanwhile
                os.utime(claim, (time.time() + hours * 3600,) * 2)
    assert [running.ended() for running in pair] == [0, 0], pair[0].said()
    assert_same(records(command.run), undisturbed)


def test_three_go_on_with_what_one_began(command: Command, undisturbed: pd.DataFrame) -> None:
    running = command.start(changes=(SlowDisk(0.05),))
    command.wait_for_parts(4, running)
    running.send(signal.SIGTERM)
    assert running.ended() == 130
    three = [command.start(rank=rank, size=3) for rank in range(3)]
    assert [one.ended() for one in three] == [0, 0, 0], three[0].said()
    assert_same(records(command.run), undisturbed)
