"""Work on many items at once: its results come in order, and errors where they belong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from threadpoolctl import threadpool_info

from splatseg.machine.threads import Workers, in_order, one_blas_thread

SetThreads = Callable[[int], None]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items_however_long_each_takes(threads: int, set_threads: SetThreads) -> None:
    set_threads(threads)

    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(in_order(work, range(30))) == [item * item for item in range(30)]
    assert list(in_order(work, [])) == []


def test_as_many_items_are_worked_on_at_once_as_there_are_threads(set_threads: SetThreads) -> None:
    set_threads(3)
    together = threading.Barrier(3, timeout=30)
    assert list(in_order(lambda item: together.wait() >= 0, range(6))) == [True] * 6


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_only_so_many_items_are_begun_before_their_results_are_taken(threads: int, set_threads: SetThreads) -> None:
    set_threads(threads)
    begun = 0

    def items() -> Iterator[int]:
        nonlocal begun
        for item in range(40):
            begun += 1
            yield item

    for done, _ in enumerate(in_order(str, items()), start=1):
        assert begun <= done + 2 * threads
    begun = 0
    with Workers() as workers:
        for done, _ in enumerate(workers.in_order(str, items(), 1), start=1):
            assert begun <= done + 1


def test_items_that_are_taken_singly_are_worked_on_here_with_all_threads(set_threads: SetThreads) -> None:
    set_threads(3)
    found = list(
        in_order(lambda item: (item, threading.current_thread(), torch.get_num_threads()), range(4), singly=True)
    )
    assert found == [(item, threading.current_thread(), 3) for item in range(4)]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_error_is_raised_in_the_place_of_its_result_and_nothing_new_is_begun(
    threads: int, set_threads: SetThreads
) -> None:
    set_threads(threads)
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise ValueError("broken")
        return item

    found = []
    with pytest.raises(ValueError, match="broken"):
        for result in in_order(work, range(1000)):
            found.append(result)
    assert found == [0, 1, 2]
    assert len(begun) <= 4 + 2 * threads


def test_an_interrupt_where_results_are_taken_ends_the_threads(set_threads: SetThreads) -> None:
    set_threads(2)
    before = threading.active_count()
    results = in_order(str, range(1000))
    assert next(results) == "0"
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.parametrize("where", ["items", "results"])
def test_no_work_goes_on_when_the_results_are_given_up(where: str, set_threads: SetThreads) -> None:
    set_threads(3)
    at_work: set[int] = set()

    def work(item: int) -> None:
        at_work.add(item)
        time.sleep(0.05 if item else 0.0)
        at_work.remove(item)

    def items() -> Iterator[int]:
        yield from range(4)
        if where == "items":
            raise KeyboardInterrupt
        yield from range(4, 100)

    with Workers() as workers:
        with pytest.raises(KeyboardInterrupt):
            for _ in workers.in_order(work, items()):
                raise KeyboardInterrupt
        assert not at_work


def test_torch_has_one_thread_in_each_worker_and_as_many_as_before_everywhere_else(set_threads: SetThreads) -> None:
    set_threads(3)
    assert set(in_order(lambda item: torch.get_num_threads(), range(8))) == {1}
    assert torch.get_num_threads() == 3
    with Workers(2) as workers:
        assert workers.count == 2
        assert set(workers.in_order(lambda item: torch.get_num_threads(), range(8))) == {1}
        of_new_threads: list[int] = []
        other = threading.Thread(target=lambda: of_new_threads.append(torch.get_num_threads()))
        other.start()
        other.join()
    assert of_new_threads == [3] and torch.get_num_threads() == 3


def test_work_inside_a_worker_stays_in_it(set_threads: SetThreads) -> None:
    set_threads(2)

    def inner(item: int) -> set[str]:
        return set(in_order(lambda other: threading.current_thread().name, range(5)))

    assert all(len(names) == 1 for names in in_order(inner, range(4)))


def test_linear_algebra_has_one_thread_in_the_block_and_as_many_as_before_behind_it() -> None:
    before = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    with one_blas_thread():
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"] == before
