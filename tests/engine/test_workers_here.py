"""Workers on this machine: real processes, of which some are lost, killed or told to stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

pytest.importorskip("distributed", reason="the extra cluster is not installed")

import engine_work as work

from splatseg.engine import dask_engine, requirements
from splatseg.engine.opening import open_engine
from splatseg.engine.protocol import Engine
from splatseg.engine.request import EngineRequest
from splatseg.engine.workers_here import LEAST_MEMORY, share_of_machine
from splatseg.errors import EngineError

GB = 1 << 30
TWO = EngineRequest(workers=2, memory=GB, threads=2)

warnings: list[str] = []
"""What the engine of the module warned of."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Two workers, of which tests may kill one."""
    with open_engine(TWO, warnings.append) as engine:
        assert engine.workers == 2
        yield engine


@pytest.fixture(autouse=True)
def nothing_warned() -> None:
    """Forget what was warned of in other tests."""
    warnings.clear()


def wait_for(condition: object, *arguments: object) -> None:
    """Wait until a condition holds; a test that waits in vain is ended by its runner."""
    assert callable(condition)
    while not condition(*arguments):
        time.sleep(0.05)


def test_a_machine_is_shared_equally() -> None:
    assert share_of_machine(EngineRequest(), 8, 80 * GB, 64 * GB, 0) == (8, 1, 8 * GB)
    assert share_of_machine(EngineRequest(), 64, 80 * GB, 64 * GB, 0) == (16, 4, LEAST_MEMORY)
    assert share_of_machine(EngineRequest(), 4, 2 * GB, GB, 0) == (1, 4, GB)
    assert share_of_machine(EngineRequest(threads=4), 8, 80 * GB, 64 * GB, 0) == (2, 4, 32 * GB)
    assert share_of_machine(EngineRequest(workers=3), 8, 80 * GB, 60 * GB, 0) == (3, 2, 20 * GB)
    assert share_of_machine(EngineRequest(memory=30 * GB), 8, 80 * GB, 64 * GB, 0) == (2, 4, 30 * GB)
    assert share_of_machine(EngineRequest(memory=GB), 8, 80 * GB, 64 * GB, 0) == (8, 1, GB)
    assert share_of_machine(EngineRequest(cards=1), 64, 80 * GB, 64 * GB, 4) == (4, 16, 16 * GB)
    assert share_of_machine(EngineRequest(cards=2), 64, 80 * GB, 64 * GB, 4)[0] == 2


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            EngineRequest(workers=3, memory=8 * GB),
            "3 workers with 8.0 GiB of memory each are more than this machine has",
        ),
        (EngineRequest(cards=3), "each item needs 3 cards, and this machine has 2; use --device cpu"),
        (EngineRequest(cards=1, workers=3), "3 workers need 3 cards, and this machine has 2"),
    ],
)
def test_more_than_a_machine_has_is_refused(request_: EngineRequest, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        share_of_machine(request_, 8, 16 * GB, 16 * GB, 2)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda module: None)
    for request in (TWO, EngineRequest(scheduler="tcp://localhost:8786"), EngineRequest(jobqueue=Path("a.yaml"))):
        with pytest.raises(
            EngineError, match=r'^workers need Dask; install it with: pip install "splatseg\[cluster\]"$'
        ):
            open_engine(request)


@pytest.mark.slow
def test_every_item_comes_once_with_its_figures_and_its_log(engine: Engine, tmp_path: Path) -> None:
    logs = [tmp_path / "logs" / f"{number}.log" for number in range(7)]
    started: list[tuple[int, str]] = []
    done = list(engine.map(work.square, range(7), logs=logs, started=lambda *begun: started.append(begun)))
    assert {each.index: each.result for each in done} == {number: number**2 for number in range(7)}
    assert sorted(started) == sorted((each.index, each.worker) for each in done)
    assert {each.worker for each in done} == {"worker 1", "worker 2"}
    assert all(each.error is None and each.memory > 1 << 20 for each in done)
    done_by = {each.index: each.worker for each in done}
    for number, log in enumerate(logs):
        head, *rest = log.read_text().splitlines()
        assert head.startswith("-- ") and head.endswith(f" on {done_by[number]}")
        assert sorted(rest) == [f"below, too: {number}", f"squaring {number}"]
    assert not warnings


@pytest.mark.slow
def test_errors_come_back_as_sentences_and_the_other_items_go_on(engine: Engine, tmp_path: Path) -> None:
    logs = [tmp_path / f"{number}.log" for number in range(4)]
    done = {each.index: each for each in engine.map(work.fail, range(4), logs=logs)}
    assert done[0].error == "no mask in there; name another folder"
    assert done[1].error == f"ValueError: two lines (its traceback is in {logs[1]})"
    assert done[2].error == "the work ended its process with code 3"
    assert done[3].result == 3 and not warnings
    assert "Traceback" in logs[1].read_text() and "Traceback" not in logs[0].read_text()


@pytest.mark.slow
def test_a_log_that_cannot_be_written_fails_its_item(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    first, second = sorted(
        engine.map(work.square, range(2), logs=[tmp_path / "0", tmp_path / "1"]), key=lambda done: done.index
    )
    assert first.error == f"{tmp_path / '0'} cannot be written (Is a directory); name a file"
    assert second.result == 1


@pytest.mark.slow
def test_workers_have_the_threads_that_were_asked_for(engine: Engine) -> None:
    of_torch = str(min(2, os.cpu_count() or 1))
    assert [done.result for done in engine.map(work.variables, ["OMP_NUM_THREADS"] * 2)] == [["2", of_torch]] * 2


@pytest.mark.slow
def test_the_memory_of_each_item_is_its_own(engine: Engine) -> None:
    memory = [done.memory for done in engine.map(work.take, [400, 400, 1, 1]) if done.index > 1]
    assert max(memory) < 400 << 20


@pytest.mark.slow
def test_a_worker_asks_for_the_version_that_assigned_the_item(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_engine, "Assignment", partial(dask_engine.Assignment, version="9.9"))
    (done,) = engine.map(work.square, [1])
    assert re.fullmatch(r"the worker worker [12] has splatseg \S+, and this is splatseg 9\.9", done.error or "")


@pytest.mark.slow
def test_items_that_are_not_taken_are_not_begun(engine: Engine, tmp_path: Path) -> None:
    results = engine.map(work.Slow(str(tmp_path), 0.1), range(50))
    next(results)
    results.close()
    assert len(list(tmp_path.iterdir())) < 10
    assert [done.result for done in engine.map(work.square, [4])] == [16]


@pytest.mark.slow
def test_nothing_is_lost_with_a_worker_that_is_killed(engine: Engine, tmp_path: Path) -> None:
    killed: list[str] = []

    def started(index: int, worker: str) -> None:
        if index == 2 and not killed:
            wait_for(work.begun, tmp_path, 2)
            killed.append(worker)
            os.kill(work.begun(tmp_path, 2)[0], signal.SIGKILL)

    done = list(engine.map(work.Slow(str(tmp_path), 0.3), range(8), started=started))
    assert sorted(each.index for each in done) == list(range(8))
    assert all(each.error is None and each.result == each.index**2 for each in done)
    assert warnings == [f"{killed[0]} was lost (its process or machine ended); its work is done again"]
    assert len(work.begun(tmp_path, 2)) == 2


@pytest.mark.slow
def test_an_item_that_takes_more_memory_than_its_worker_may_fails_with_a_sentence(tmp_path: Path) -> None:
    said: list[str] = []
    with open_engine(EngineRequest(workers=2, memory=600 << 20), said.append) as engine:
        done = {each.index: each for each in engine.map(work.take, [1, 1500, 2, 3])}
    assert [done[index].result for index in (0, 2, 3)] == [1 << 20, 2 << 20, 3 << 20]
    error = done[1].error or ""
    assert error.startswith("3 workers were lost while they worked on it, the last: worker ")
    assert error.endswith("of memory; give workers more, or each less to do") and "was ended because it took" in error
    assert sum("was ended because it took" in text for text in said) == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_ends_all_workers_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    begun, temporary = tmp_path / "begun", tmp_path / "temporary"
    begun.mkdir()
    temporary.mkdir()
    program = subprocess.Popen(
        [sys.executable, "-P", work.__file__, str(begun)],
        env=os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    wait_for(lambda: program.poll() is not None or len(list(begun.iterdir())) == 2)
    children = psutil.Process(program.pid).children(recursive=True)
    assert len(children) >= 2 and list(temporary.iterdir())
    # Ctrl-C of a terminal goes to all of its processes, a request to end to the first.
    (os.killpg if number == signal.SIGINT else os.kill)(program.pid, number)
    printed, _ = program.communicate()
    assert program.returncode == 130 and printed == b""
    psutil.wait_procs(children)
    assert not list(temporary.iterdir())
