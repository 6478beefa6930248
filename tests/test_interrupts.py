"""The first signal is noted, the second acts, and afterwards all is as before."""

import signal
import threading

import pytest
import torch

from robustness.interrupts import SIGNALS, Interrupted, Stop, stoppable


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_noted_and_the_second_acts(number: signal.Signals) -> None:
    with stoppable() as stop:
        assert not stop.asked
        stop.check()
        signal.raise_signal(number)
        assert stop.asked
        with pytest.raises(Interrupted):
            stop.check()
        with pytest.raises(Interrupted):
            signal.raise_signal(number)


def test_a_run_that_is_asked_to_stop_is_a_keyboard_interrupt() -> None:
    assert issubclass(Interrupted, KeyboardInterrupt)


def test_a_classifier_stops_between_two_batches() -> None:
    stop, seen = Stop(), []

    def classify(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        stop.asked = True
        return images + 1

    classifier = stop.between_batches(classify)
    assert torch.equal(classifier(torch.zeros(2)), torch.ones(2))
    with pytest.raises(Interrupted):
        classifier(torch.zeros(3))
    assert seen == [2]


@pytest.mark.parametrize("number", SIGNALS)
def test_handlers_are_put_back(number: signal.Signals) -> None:
    seen: list[int] = []
    before = signal.signal(number, lambda got, _frame: seen.append(got))
    try:
        with stoppable() as stop:
            signal.raise_signal(number)
        assert stop.asked and seen == []
        signal.raise_signal(number)
        assert seen == [number]
        with pytest.raises(RuntimeError, match="wrong"), stoppable():
            raise RuntimeError("wrong")
        signal.raise_signal(number)
        assert seen == [number] * 2
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_ignored_stays_ignored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stoppable() as stop:
            assert signal.getsignal(number) is signal.SIG_IGN
            signal.raise_signal(number)
            assert not stop.asked
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_outside_the_main_thread_signals_keep_their_meaning() -> None:
    before, found = {number: signal.getsignal(number) for number in SIGNALS}, []

    def work() -> None:
        with stoppable() as stop:
            found.append(({number: signal.getsignal(number) for number in SIGNALS}, stop.asked))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(before, False)]
