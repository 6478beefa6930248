"""Where a run lives and who may work in it."""

import json
import os
import re
import socket
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_until

from robustness.claims import Claims, Holder, Unshared
from robustness.errors import RunError, UsageError
from robustness.options import Options
from robustness.runs import find_run, opened
from robustness.shards import World
from robustness.store import Store

HEADER = {"identity": {"seed": 0}, "start": "2026-01-02T03:04:05+00:00", "end": None}
ALONE, LEADER, FOLLOWER = World(), World(0, 2), World(1, 2)
ELSEWHERE = {"host": "another-host", "pid": 7, "since": "2026-01-01T00:00:00+00:00"}


def options(out: Path, **changes: Any) -> Options:
    return replace(Options(out=out, name="run", model=("pit_s",)), **changes)


def enter(stack: ExitStack, out: Path, world: World = ALONE, header: dict[str, Any] = HEADER, **changes: Any) -> Store:
    store, _ = stack.enter_context(opened(options(out, **changes), header, ["imagenet-c"], world))
    return store


def lay_lock(out: Path, name: str = ".run.claim", age: float = 0.0) -> Path:
    path = out / "run" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(ELSEWHERE))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_a_lone_run_locks_its_folder_and_unlocks_it(tmp_path: Path) -> None:
    with opened(options(tmp_path), HEADER, [], ALONE) as (store, claims):
        assert isinstance(claims, Unshared) and store.leads
        assert json.loads((tmp_path / "run" / ".run.claim").read_text())["pid"] == os.getpid()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"records", "run.json"}


def test_a_second_lone_run_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    lay_lock(tmp_path)
    with ExitStack() as stack, pytest.raises(RunError, match=r"in use by process 7 on another-host.*another --name"):
        enter(stack, tmp_path)
    assert (tmp_path / "run" / ".run.claim").exists()


def test_a_second_run_of_this_host_names_its_process(tmp_path: Path) -> None:
    path = lay_lock(tmp_path)
    path.write_text(json.dumps({**ELSEWHERE, "host": socket.gethostname(), "pid": os.getppid()}))
    with ExitStack() as stack, pytest.raises(RunError, match=f"process {os.getppid()} on {socket.gethostname()}"):
        enter(stack, tmp_path)


def test_a_stale_lock_is_taken(tmp_path: Path) -> None:
    lay_lock(tmp_path, age=61)
    with ExitStack() as stack:
        enter(stack, tmp_path)
        assert json.loads((tmp_path / "run" / ".run.claim").read_text())["pid"] == os.getpid()


def test_the_processes_of_one_world_work_side_by_side(tmp_path: Path) -> None:
    with ExitStack() as stack:
        leader, follower = (enter(stack, tmp_path, world) for world in (LEADER, FOLLOWER))
        assert (leader.leads, follower.leads) == (True, False)
        assert leader.folder == follower.folder
    with opened(options(tmp_path), HEADER, [], FOLLOWER) as (_, claims):
        assert isinstance(claims, Claims)
        assert claims.folder == tmp_path / "run" / "records"


def test_a_lone_process_is_refused_where_others_share(tmp_path: Path) -> None:
    lay_lock(tmp_path, "records/.part.claim")
    with ExitStack() as stack, pytest.raises(RunError, match="in use by process 7"):
        enter(stack, tmp_path)
    assert not (tmp_path / "run" / "run.json").exists() and not (tmp_path / "run" / ".run.claim").exists()


def test_others_are_refused_where_one_works_alone(tmp_path: Path) -> None:
    lay_lock(tmp_path)
    with ExitStack() as stack, pytest.raises(RunError, match="in use by process 7"):
        enter(stack, tmp_path, FOLLOWER)


def test_starting_over_is_for_one_process(tmp_path: Path) -> None:
    with ExitStack() as stack, pytest.raises(UsageError, match="--fresh would remove what the other processes do"):
        enter(stack, tmp_path, LEADER, fresh=True)
    assert not list(tmp_path.iterdir())


def test_starting_over_replaces_the_header_and_drops_the_parts(tmp_path: Path) -> None:
    with ExitStack() as stack:
        enter(stack, tmp_path)
    (tmp_path / "run" / "records" / "old.parquet").touch()
    other = {**HEADER, "identity": {"seed": 1}}
    with ExitStack() as stack, pytest.raises(UsageError, match="other settings: seed"):
        enter(stack, tmp_path, header=other)
    with ExitStack() as stack:
        store = enter(stack, tmp_path, header=other, fresh=True)
        assert not store.has("old")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["identity"] == {"seed": 1}


def test_starting_over_may_itself_be_started_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any moment that it may die the folder is still a run's."""
    with ExitStack() as stack:
        enter(stack, tmp_path)
    (tmp_path / "run" / "scores.csv").touch()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("robustness.store.write_whole", die)
    with ExitStack() as stack, pytest.raises(KeyboardInterrupt):
        enter(stack, tmp_path, fresh=True)
    monkeypatch.undo()
    with ExitStack() as stack:
        enter(stack, tmp_path, fresh=True)


def test_a_run_that_died_before_its_header_may_be_started_over(tmp_path: Path) -> None:
    lay_lock(tmp_path, age=61)
    (tmp_path / "run" / "run.json.0123456789ab.tmp").write_text("{")
    with ExitStack() as stack:
        enter(stack, tmp_path, fresh=True)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"records", "run.json"}


def test_a_strangers_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    with ExitStack() as stack, pytest.raises(UsageError, match="is not a run"):
        enter(stack, tmp_path, fresh=True)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_processes_that_start_at_different_times_choose_one_folder(tmp_path: Path) -> None:
    later = {**HEADER, "start": "2026-01-02T03:04:09+00:00"}
    with ExitStack() as stack:
        leader = enter(stack, tmp_path, LEADER, name=None)
        assert enter(stack, tmp_path, FOLLOWER, header=later, name=None).folder == leader.folder
    with ExitStack() as stack:  # elsewhere, the follower first: the name is the same
        follower = enter(stack, tmp_path / "b", FOLLOWER, header=later, name=None)
        assert follower.folder.name == leader.folder.name
    with ExitStack() as stack:  # one that goes on alone goes on there
        assert enter(stack, tmp_path, header=later, name=None).folder == leader.folder


def test_a_new_lone_run_is_named_by_model_suites_and_time(tmp_path: Path) -> None:
    with ExitStack() as stack:
        store = enter(stack, tmp_path, name=None, model=("a/b.py:net", "pit_s"))
        assert store.folder.name == "a-b.py-net_pit_s_imagenet-c_20260102-030405"


def test_lone_runs_that_start_in_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    with ExitStack() as stack:
        plain, *others = (
            enter(stack, tmp_path, header={**HEADER, "identity": {"seed": seed}}, name=None) for seed in range(3)
        )
        assert plain.folder.name == "pit_s_imagenet-c_20260102-030405"
        assert len({store.folder for store in (plain, *others)}) == 3
        assert all(re.fullmatch(rf"{plain.folder.name}-[0-9a-f]{{8}}", store.folder.name) for store in others)
    with ExitStack() as stack:  # each is found again
        store = enter(stack, tmp_path, header={**HEADER, "identity": {"seed": 2}}, name=None)
        assert store.folder == others[1].folder


def test_a_place_where_no_new_run_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with ExitStack() as stack, pytest.raises(RunError, match=r"cannot write to .*file: Not a directory"):
        enter(stack, tmp_path / "file", name=None)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with ExitStack() as stack, pytest.raises(RunError, match=r"cannot write to .*file.*: Not a directory"):
        enter(stack, tmp_path / "file")


def test_the_lock_is_kept_alive_by_who_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustness.runs.Claims", lambda folder: Claims(folder, lease=0.3))
    with ExitStack() as stack:
        enter(stack, tmp_path)
        lock = tmp_path / "run" / ".run.claim"
        os.utime(lock, (time.time() - 3600,) * 2)
        wait_until(lambda: abs(lock.stat().st_mtime - time.time()) < 30)  # until the next sign of life
        visitor = Claims(tmp_path / "run")
        visitor._me = Holder("another-host", 9, "now")
        assert visitor.holder("run") is not None


def test_the_same_commands_run_is_found(tmp_path: Path) -> None:
    for name, start, seed in (("a", "1", 0), ("b", "3", 0), ("c", "2", 0), ("d", "4", 1)):
        Store(tmp_path / name, {**HEADER, "start": start, "identity": {"seed": seed}})
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "run.json").write_text("{")
    assert find_run(tmp_path, {"seed": 0}) == tmp_path / "b"
    assert find_run(tmp_path, {"seed": 2}) is None
    assert find_run(tmp_path / "nowhere", {"seed": 0}) is None
