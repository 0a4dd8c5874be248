"""The first Ctrl-C asks, the second one stops; whoever handled signals before handles them again after."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from splatseg.interrupts import stop_on_interrupt, wait_for_interrupt

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@BOTH
def test_the_first_signal_asks_and_the_second_stops(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), stop_on_interrupt() as asked:
        assert not asked.is_set()
        signal.raise_signal(number)
        assert asked.is_set()
        signal.raise_signal(number)


@BOTH
def test_afterwards_signals_go_where_they_went_before(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_interrupt():
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before
    with pytest.raises(RuntimeError), stop_on_interrupt():
        raise RuntimeError
    assert signal.getsignal(number) is before


@BOTH
def test_waiting_ends_with_a_signal(number: signal.Signals) -> None:
    threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
    wait_for_interrupt()


def test_a_thread_beside_the_main_one_leaves_signals_alone() -> None:
    told: list[object] = []

    def work() -> None:
        handler = signal.getsignal(signal.SIGINT)
        with stop_on_interrupt() as asked:
            told.extend([asked.is_set(), signal.getsignal(signal.SIGINT) is handler])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [False, True]
