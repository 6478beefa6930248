"""Writing beside computing: in order, not too far behind, and nothing goes wrong in silence."""

import threading
import time

import pytest

from robustness.writer import AHEAD, Writer


def fail(when: threading.Event | None = None) -> None:
    """Fail, at once or once something is so."""
    if when is not None:
        when.wait(10)
    raise OSError(28, "No space left on device")


def test_everything_is_written_in_order_before_the_context_ends() -> None:
    done: list[int] = []

    def write(number: int) -> None:
        time.sleep(0.002 * (number % 3))
        done.append(number)

    with Writer() as writer:
        for number in range(20):
            writer.submit(lambda number=number: write(number))  # type: ignore[misc]
    assert done == list(range(20))


def test_it_is_a_thread_beside_the_caller() -> None:
    threads: list[str] = []
    with Writer() as writer:
        writer.submit(lambda: threads.append(threading.current_thread().name))
    assert threads[0].startswith("write")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("write")]


def test_no_more_than_a_few_wait_for_a_slow_disk() -> None:
    slow, begun, submitted = threading.Event(), threading.Event(), []

    def write() -> None:
        begun.set()
        slow.wait(10)

    def compute() -> None:
        with Writer() as writer:
            for number in range(AHEAD + 3):
                writer.submit(write)
                submitted.append(number)

    thread = threading.Thread(target=compute)
    thread.start()
    assert begun.wait(10)
    deadline = time.monotonic() + 5
    while len(submitted) < AHEAD + 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(submitted) == AHEAD + 1  # one in the writer's hands, the others wait
    slow.set()
    thread.join(10)
    assert len(submitted) == AHEAD + 3


def test_an_error_comes_out_at_a_later_submit() -> None:
    with pytest.raises(OSError, match="No space left"), Writer() as writer:
        writer.submit(fail)
        for _ in range(AHEAD + 1):
            writer.submit(lambda: None)
        pytest.fail("the error was not raised")


def test_an_error_comes_out_at_the_end() -> None:
    with pytest.raises(OSError, match="No space left"), Writer() as writer:
        writer.submit(fail)


def test_what_was_submitted_before_an_error_is_still_written() -> None:
    waiting, done = threading.Event(), []
    with pytest.raises(OSError, match="No space left"), Writer() as writer:
        writer.submit(lambda: fail(waiting))
        writer.submit(lambda: done.append(1))
        waiting.set()
    assert done == [1]


def test_the_callers_own_error_goes_before_the_writers_and_what_waits_is_written() -> None:
    waiting, done = threading.Event(), []
    with pytest.raises(KeyboardInterrupt), Writer() as writer:
        writer.submit(lambda: fail(waiting))
        writer.submit(lambda: done.append(1))
        waiting.set()
        raise KeyboardInterrupt
    assert done == [1]
