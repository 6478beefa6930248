"""Claims: one process alone has a part, and only the dead lose theirs."""

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest
from conftest import wait_until

from robustness.claims import Claims, Holder, Unshared
from robustness.errors import RunError

HOUR = 3600.0
ELSEWHERE = Holder("another-host", 7, "2026-01-01T00:00:00+00:00")
NOBODY = 2**22 - 1  # beyond what Linux gives out by default, so no process has this number


def lay(folder: Path, holder: Holder | bytes, name: str = "part", age: float = 0.0) -> Path:
    """Put a claim there as another process would have left it, `age` seconds ago."""
    path = folder / f".{name}.claim"
    path.write_bytes(holder if isinstance(holder, bytes) else json.dumps(asdict(holder)).encode())
    os.utime(path, (time.time() - age,) * 2)
    return path


def here(folder: Path, pid: int) -> Holder:
    """Describe a process of this machine."""
    with Claims(folder) as claims:
        claims.take("own")
        own = json.loads((folder / ".own.claim").read_text())
    return Holder(**{**own, "pid": pid, "since": "earlier"})


def test_one_of_many_threads_has_it(tmp_path: Path) -> None:
    everybody = [Claims(tmp_path) for _ in range(8)]
    for number, claims in enumerate(everybody):
        claims._me = Holder("another-host", number + 1, "now")  # eight processes in one
    start = threading.Barrier(8)

    def take(claims: Claims) -> list[bool]:
        start.wait()
        return [claims.take(f"part{i}") for i in range(50)]

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, everybody))
    assert [sum(of_part) for of_part in zip(*taken, strict=True)] == [1] * 50


def take_all(folder: Path, parts: int, results: "multiprocessing.Queue[list[int]]", over: object) -> None:
    with Claims(folder) as claims:
        results.put([i for i in range(parts) if claims.take(f"part{i}")])
        over.wait()  # type: ignore[attr-defined]


def test_one_of_many_processes_has_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results, over = context.Queue(), context.Event()
    processes = [context.Process(target=take_all, args=(tmp_path, 60, results, over)) for _ in range(4)]
    for process in processes:
        process.start()
    taken = [results.get(timeout=20) for _ in processes]
    over.set()
    for process in processes:
        process.join(20)
    assert sorted(i for part in taken for i in part) == list(range(60))
    assert not list(tmp_path.iterdir())


def test_what_is_given_back_is_free(tmp_path: Path) -> None:
    lay(tmp_path, ELSEWHERE, "theirs")
    with Claims(tmp_path) as claims:
        assert claims.take("part")
        assert not claims.take("theirs")
        claims.release("part")
        assert not (tmp_path / ".part.claim").exists()
        claims.release("part")
        claims.release("theirs")  # is not ours to give
        claims.release("never taken")
        assert claims.take("part")
    assert [path.name for path in tmp_path.iterdir()] == [".theirs.claim"]


def test_ones_own_claim_is_no_obstacle(tmp_path: Path) -> None:
    with Claims(tmp_path) as claims:
        assert claims.take("part") and claims.take("part")
        assert claims.holder("part") is None


def test_who_has_it_is_told(tmp_path: Path) -> None:
    lay(tmp_path, ELSEWHERE)
    claims = Claims(tmp_path)
    assert claims.holder("part") == ELSEWHERE and claims.others() == [ELSEWHERE]
    assert str(ELSEWHERE) == "process 7 on another-host, since 2026-01-01T00:00:00+00:00"
    assert claims.holder("another part") is None


def test_the_silent_are_dead_after_the_lease_and_not_before(tmp_path: Path) -> None:
    lay(tmp_path, ELSEWHERE, "fresh", age=8)
    lay(tmp_path, ELSEWHERE, "stale", age=12)
    claims = Claims(tmp_path, lease=10)
    assert not claims.take("fresh")
    assert claims.take("stale")
    assert claims.others() == [ELSEWHERE]


def test_the_living_are_not_silent(tmp_path: Path) -> None:
    claim, other = tmp_path / ".part.claim", Claims(tmp_path)
    other._me = ELSEWHERE
    with Claims(tmp_path, lease=0.3) as claims:
        claims.take("part")
        for _ in range(3):
            os.utime(claim, (time.time() - HOUR,) * 2)
            wait_until(lambda: abs(claim.stat().st_mtime - time.time()) < 30)  # until the next sign of life
            assert not other.take("part")


def test_a_dead_process_of_this_machine_is_told_at_once(tmp_path: Path) -> None:
    lay(tmp_path, here(tmp_path, NOBODY), "dead")
    lay(tmp_path, here(tmp_path, os.getppid()), "living")
    claims = Claims(tmp_path)
    assert claims.take("dead")
    assert not claims.take("living")


def test_of_a_process_that_was_killed_nothing_remains_in_the_way(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from robustness.claims import Claims; "
    code += "c = Claims(Path(sys.argv[1])); c.__enter__(); print(c.take('part'), flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "True\n"
        assert not Claims(tmp_path).take("part")
        process.kill()
    assert Claims(tmp_path).take("part")


@pytest.mark.parametrize("numbers", ["another boot pid:[1]", ""])
def test_process_numbers_of_another_container_say_nothing(tmp_path: Path, numbers: str) -> None:
    namesake = Holder(here(tmp_path, NOBODY).host, NOBODY, "earlier", numbers)
    lay(tmp_path, namesake)
    assert Claims(tmp_path).holder("part") == namesake
    lay(tmp_path, namesake, age=61)
    assert Claims(tmp_path).take("part")


@pytest.mark.parametrize("age", [HOUR, -HOUR, 1e9, -1e9])
def test_a_clock_that_jumped_frees_a_claim(tmp_path: Path, age: float) -> None:
    lay(tmp_path, ELSEWHERE, age=age)
    assert Claims(tmp_path).take("part")


def test_a_clock_that_jumped_is_forgotten_with_the_next_sign_of_life(tmp_path: Path) -> None:
    with Claims(tmp_path, lease=0.3) as claims:
        claims.take("part")
        os.utime(tmp_path / ".part.claim", (time.time() + HOUR,) * 2)
        wait_until(lambda: abs((tmp_path / ".part.claim").stat().st_mtime - time.time()) < 30)


STRANGE = [
    b"",
    b'{"host": "a", "pi',
    b"null",
    b"[]",
    b'"x"',
    b"\xff\xfe",
    b'{"host": "a", "pid": "7", "since": ""}',
    b'{"host": "a", "pid": -1, "since": ""}',
    b'{"host": "a", "pid": 1e400, "since": ""}',
    b'{"host": "a", "pid": 99999999999999999999, "since": ""}',
    b'{"host": 1, "pid": 7, "since": 0}',
    b'{"host": "a", "pid": 7, "since": "", "more": 1}',
]


@pytest.mark.parametrize("content", STRANGE, ids=repr)
def test_a_claim_that_says_nothing_counts_until_the_lease_is_over(tmp_path: Path, content: bytes) -> None:
    lay(tmp_path, content)
    claims = Claims(tmp_path)
    assert claims.holder("part") == Holder("an unknown host", 0, "just now")
    assert not claims.take("part")
    lay(tmp_path, content, age=61)
    assert claims.take("part")


def test_a_claim_that_was_taken_over_is_left_to_who_has_it(tmp_path: Path) -> None:
    with Claims(tmp_path) as claims:
        claims.take("part")
        path = lay(tmp_path, ELSEWHERE)  # this process was stopped for longer than its lease
        claims.release("part")
        assert path.exists()
        claims.take("other")
        lay(tmp_path, ELSEWHERE, "other")
    assert {path.name for path in tmp_path.iterdir()} == {".part.claim", ".other.claim"}


def test_who_takes_over_is_not_taken_over_by_one_that_looked_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, ELSEWHERE, age=61)
    slow, quick = Claims(tmp_path), Claims(tmp_path)
    quick._me = Holder("a-third-host", 9, "now")
    looked = slow.holder

    def look_and_dawdle(name: str) -> Holder | None:
        found = looked(name)
        assert quick.take(name)
        return found

    monkeypatch.setattr(slow, "holder", look_and_dawdle)
    assert not slow.take("part")
    monkeypatch.undo()
    assert slow.holder("part") == quick._me
    assert [path.name for path in tmp_path.iterdir()] == [".part.claim"]


def test_what_the_dead_left_is_cleared_away_in_the_end(tmp_path: Path) -> None:
    lay(tmp_path, here(tmp_path, NOBODY), "dead")
    lay(tmp_path, b"", "silent", age=61)
    living = {lay(tmp_path, ELSEWHERE, "theirs"), lay(tmp_path, b"", "begun")}
    with Claims(tmp_path):
        pass
    assert set(tmp_path.iterdir()) == living


def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with Claims(folder, lease=0.06) as claims:
        claims.take("part")
        (folder / ".part.claim").unlink()
        folder.rmdir()
        time.sleep(0.05)  # a sign of life that nothing takes
        claims.release("part")
        assert claims.holder("part") is None and claims.others() == []
        with pytest.raises(RunError, match=r"cannot write .*part\.claim: No such file"):
            claims.take("part")


def test_a_full_disk_leaves_no_claim_that_says_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(RunError, match=r"cannot write .*part\.claim: File too large; what was finished is kept"):
            Claims(tmp_path).take("part")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_on_a_full_disk_nobody_can_tell_who_is_dead(tmp_path: Path) -> None:
    lay(tmp_path, ELSEWHERE, age=61)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with Claims(tmp_path) as claims, pytest.raises(RunError, match="File too large"):
            claims.take("part")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(list(tmp_path.iterdir())) == 1


def test_who_is_alone_has_everything() -> None:
    alone = Unshared()
    assert alone.take("part") and alone.take("part")
    alone.release("part")
    assert alone.holder("part") is None
