"""A cluster that stands: a real scheduler and workers; some of another version, some that join later."""

from __future__ import annotations

import re
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the extra cluster is not installed")

import engine_work as work
from awaited import awaited
from dask_processes import other_version, scheduler, worker
from distributed import Client

from splatseg.engine import members
from splatseg.engine.members import unfit_of
from splatseg.engine.opening import open_engine
from splatseg.engine.request import EngineRequest
from splatseg.errors import EngineError
from splatseg.version import __version__

ONE = ("--nthreads", "1")
OURS = {"splatseg": __version__, "python": ".".join(map(str, sys.version_info)), "torch": "2.9.9"}


def test_a_worker_of_another_version_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unfit_of("anna", OURS, 1) is None
    assert "has Python 2.7, and here is 3." in (unfit_of("anna", OURS | {"python": "2.7.1.final.0"}, 1) or "")
    assert "has torch none, and here is 2." in (unfit_of("anna", OURS | {"torch": None}, 1) or "")
    monkeypatch.setattr(members, "__version__", "1.2")
    assert unfit_of("anna", OURS | {"splatseg": "9.9"}, 1) == (
        "the worker anna has splatseg 9.9, and here is 1.2; install the same, and start it again"
    )
    assert "has splatseg 0+uninstalled, and here is 1.2" in (unfit_of("anna", OURS | {"splatseg": None}, 1) or "")


def test_a_worker_that_does_several_tasks_at_once_is_refused_by_its_name() -> None:
    assert unfit_of("anna", OURS, 8) == (
        "the worker anna does 8 tasks at once; start it with: dask worker --nthreads 1 --nworkers N"
    )


@pytest.mark.parametrize("address", ["localhost", "tcp://host", "http://host:1", "tcp://a b:1", "inproc://x:1", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(EngineError, match=r"is no address; write it as tcp://HOST:8786 or tls://HOST:8786$"):
        open_engine(EngineRequest(scheduler=address))


def test_choices_that_do_not_go_together_are_refused() -> None:
    address = "tcp://127.0.0.1:8786"
    for request, said in [
        (EngineRequest(scheduler=address, jobqueue=Path("a.yaml")), "name one of --scheduler and --jobqueue"),
        (EngineRequest(scheduler=address, memory=1), "those of a cluster get theirs from dask worker --memory-limit"),
        (EngineRequest(jobqueue=Path("a.yaml"), memory=1), "those of a cluster get theirs from the queue's file"),
        (EngineRequest(workers=0), "0 workers do no work; ask for 1 or more"),
        (EngineRequest(threads=-1), "-1 threads do no work; ask for 1 or more"),
    ]:
        with pytest.raises(EngineError, match=said):
            open_engine(request)


def test_a_scheduler_that_is_not_there_is_told_with_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(EngineError, match=f"no scheduler answers at {address} .*; start it with: dask scheduler, or"):
        open_engine(EngineRequest(scheduler=address))


@pytest.mark.slow
def test_a_server_that_takes_connections_and_says_nothing_is_told_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(EngineError, match=f"no scheduler answers at {address}"):
            open_engine(EngineRequest(scheduler=address))


@pytest.mark.slow
def test_a_cluster_does_the_work_and_goes_on_after_it(tmp_path: Path) -> None:
    with scheduler(tmp_path) as address:
        request = EngineRequest(scheduler=address)
        with pytest.raises(
            EngineError, match=f"the scheduler at {address} has no workers; start some with: dask worker"
        ):
            open_engine(request)
        with worker(address, "anna", tmp_path, *ONE), worker(address, "otto", tmp_path, *ONE):
            _wait_for_workers(address, 2)
            for _ in range(2):
                with open_engine(request) as engine:
                    done = list(engine.map(work.Slow(str(tmp_path), 0.05), range(6)))
                assert {each.worker for each in done} == {"anna", "otto"}
                assert sorted(each.result or 0 for each in done) == [0, 1, 4, 9, 16, 25]
            with open_engine(EngineRequest(scheduler=address, workers=1)) as engine:
                assert engine.workers == 1
            with pytest.raises(EngineError, match=f"no worker of the scheduler at {address} declares a card"):
                open_engine(EngineRequest(scheduler=address, cards=1))


@pytest.mark.slow
def test_a_notebook_whose_thread_has_a_loop_of_its_own_is_served_too(tmp_path: Path) -> None:
    async def cell(request: EngineRequest) -> list[int]:
        with open_engine(request) as engine:
            return sorted(done.result or 0 for done in engine.map(work.square, range(3)))

    assert awaited(cell(EngineRequest(workers=1))) == [0, 1, 4]
    with scheduler(tmp_path) as address, worker(address, "anna", tmp_path, *ONE):
        _wait_for_workers(address, 1)
        assert awaited(cell(EngineRequest(scheduler=address))) == [0, 1, 4]


@pytest.mark.slow
def test_an_item_that_needs_a_card_goes_to_a_worker_that_has_one(tmp_path: Path) -> None:
    with (
        scheduler(tmp_path) as address,
        worker(address, "anna", tmp_path, *ONE),
        worker(address, "otto", tmp_path, *ONE, "--resources", "GPU=1"),
    ):
        _wait_for_workers(address, 2)
        with open_engine(EngineRequest(scheduler=address, cards=1)) as engine:
            assert engine.workers == 1
            assert {done.worker for done in engine.map(work.square, range(4))} == {"otto"}


@pytest.mark.slow
def test_a_cluster_with_a_worker_of_another_version_is_refused(tmp_path: Path) -> None:
    old = other_version(tmp_path / "old", "0.0.9")
    with scheduler(tmp_path) as address, worker(address, "anna", tmp_path, *ONE, found_first=[old]):
        said = f"the worker anna has splatseg 0.0.9, and here is {__version__}; install the same"
        _wait_for_workers(address, 1)
        with pytest.raises(EngineError, match=re.escape(said)):
            open_engine(EngineRequest(scheduler=address))


@pytest.mark.slow
def test_a_worker_of_another_version_that_joins_later_gets_no_work(tmp_path: Path) -> None:
    old, said = other_version(tmp_path / "old", "0.0.9"), list[str]()
    begun = tmp_path / "begun"
    begun.mkdir()
    with scheduler(tmp_path) as address, worker(address, "anna", tmp_path, *ONE), ExitStack() as later:
        request = EngineRequest(scheduler=address)
        _wait_for_workers(address, 1)
        with open_engine(request, said.append) as engine:
            done = []
            for each in engine.map(work.Slow(str(begun), 0.02), range(80)):
                done.append(each)
                if len(done) == 1:
                    later.enter_context(worker(address, "emil", tmp_path, *ONE, found_first=[old]))
                    later.enter_context(worker(address, "otto", tmp_path, *ONE))
                    _wait_for_workers(address, 3)
    assert sorted(each.result or 0 for each in done) == [number**2 for number in range(80)]
    assert all(each.error is None for each in done) and {each.worker for each in done} == {"anna", "otto"}
    assert said == [
        f"the worker emil has splatseg 0.0.9, and here is {__version__}; install the same, and start it again; "
        "until then it gets no work"
    ]


@pytest.mark.slow
def test_a_scheduler_that_is_lost_ends_the_work_with_a_sentence(tmp_path: Path) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path))
        with worker(address, "anna", tmp_path, *ONE):
            _wait_for_workers(address, 1)
            with open_engine(EngineRequest(scheduler=address)) as engine:
                results = engine.map(work.Slow(str(tmp_path), 0.2), range(100))
                next(results)
                stack.close()
                with pytest.raises(EngineError, match=f"the scheduler at {address} was lost; start it and its workers"):
                    list(results)


def _wait_for_workers(address: str, count: int) -> None:
    """Wait until a scheduler has workers."""
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(count)
