"""A batch does every scene once, whatever happens to the others, and goes on where it was."""

from __future__ import annotations

import dataclasses
import doctest
import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from batch_tasks import Break, Fail, Interrupted, Write, task

import splatseg
from splatseg.errors import OutputError, RunError
from splatseg.jobs.batching import batch, training
from splatseg.jobs.batching.batch import BatchError, run_batch
from splatseg.jobs.batching.overview import Overview
from splatseg.jobs.batching.records import Record, Records
from splatseg.requests.batching import BatchRequest
from splatseg.run.hold import Hold, take_hold
from splatseg.run.reporter import NullReporter

ONE = BatchRequest(workers=1)


def states(out: Path) -> dict[str, str]:
    """The state of each scene, by name."""
    return {scene: record.state for (_, scene), record in Records(out / "batch", "state").latest.items()}


def test_a_failure_stops_no_other_scene_and_is_told_in_its_own_words(tmp_path: Path) -> None:
    tasks = [
        task("a", Write(tmp_path / "a")),
        task("b", Fail(tmp_path / "there")),
        task("c", Break()),
        task("d", Write(tmp_path / "d")),
    ]
    ended = run_batch(tasks, tmp_path / "out", ONE)
    assert states(tmp_path / "out") == {"a": "done", "b": "failed", "c": "failed", "d": "done"}
    assert ended.summary.facts["failures"]["b"] == "there is no there; make it"
    log = tmp_path / "out" / "batch" / "c.log"
    assert (
        ended.summary.facts["failures"]["c"] == f"ValueError: an array of the wrong shape (its traceback is in {log})"
    )
    assert "Traceback" in log.read_text() and "Traceback" not in (tmp_path / "out" / "batch" / "b.log").read_text()
    with pytest.raises(BatchError, match=r"^2 of 4 scenes failed \(b, c\); .*status.html and the logs in .*batch say"):
        ended.check()


def test_what_is_done_is_skipped_and_what_failed_waits_for_retry(tmp_path: Path) -> None:
    tasks = [task("a", Write(tmp_path / "a")), task("b", Fail(tmp_path / "there"))]
    first = run_batch(tasks, tmp_path / "out", ONE)
    assert (first.summary.facts["done"], first.summary.facts["failed"]) == (1, 1)
    (tmp_path / "there").touch()
    again = run_batch(tasks, tmp_path / "out", ONE)
    facts = again.summary.facts
    assert (facts["done"], facts["skipped"], facts["failed"]) == (0, 1, 1), "told, and not tried again"
    with pytest.raises(BatchError, match=r"1 of 2 scenes failed \(b: there is no there; make it\)"):
        again.check()
    third = run_batch(tasks, tmp_path / "out", dataclasses.replace(ONE, retry=True))
    assert (third.summary.facts["done"], third.summary.facts["skipped"], third.summary.facts["failed"]) == (1, 1, 0)
    third.check()
    assert (tmp_path / "a").read_text() == "x", "once"


def test_a_failure_with_other_options_is_not_one_of_these(tmp_path: Path) -> None:
    failed = task("a", Fail(tmp_path / "there"), "--masks nowhere")
    run_batch([failed], tmp_path / "out", ONE)
    mended = task("a", Write(tmp_path / "a"), "--masks here")
    run_batch([mended], tmp_path / "out", ONE).check()
    assert states(tmp_path / "out") == {"a": "done"}


def test_what_was_done_and_removed_is_made_again(tmp_path: Path) -> None:
    tasks = [task("a", Write(tmp_path / "a"), makes=tmp_path / "a")]
    run_batch(tasks, tmp_path / "out", ONE)
    (tmp_path / "a").unlink()
    assert run_batch(tasks, tmp_path / "out", ONE).summary.facts["done"] == 1
    assert (tmp_path / "a").exists()


def test_what_is_made_of_something_that_changed_since_is_made_again(tmp_path: Path) -> None:
    source = tmp_path / "splats.ply"
    source.touch()
    made = dataclasses.replace(task("a", Write(tmp_path / "a")), made_of=(source, tmp_path / "absent"))
    assert run_batch([made], tmp_path / "out", ONE).summary.facts["done"] == 1
    assert run_batch([made], tmp_path / "out", ONE).summary.facts["skipped"] == 1
    later = time.time() + 60
    os.utime(source, (later, later))
    assert run_batch([made], tmp_path / "out", ONE).summary.facts["done"] == 1


def test_fail_fast_begins_no_further_scene(tmp_path: Path) -> None:
    tasks = [task("a", Fail(tmp_path / "there")), task("b", Write(tmp_path / "b"))]
    ended = run_batch(tasks, tmp_path / "out", dataclasses.replace(ONE, fail_fast=True))
    assert ended.summary.facts["left"] == 1 and not (tmp_path / "b").exists()
    with pytest.raises(BatchError):
        ended.check()
    assert run_batch(tasks, tmp_path / "out", ONE).summary.facts["done"] == 1, "the next one goes on"


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_stops_what_runs_and_a_repeat_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = NullReporter()
    tasks = [task("a", Interrupted()), task("b", Write(tmp_path / "b"))]
    ended = run_batch(tasks, out, ONE, reporter=told)
    assert states(out) == {"a": "stopped", "b": "waiting"} and not (tmp_path / "b").exists()
    assert not ended.failed
    with pytest.raises(KeyboardInterrupt):
        ended.check()
    again = run_batch([task("a", Write(tmp_path / "a")), tasks[1]], out, ONE)
    assert again.summary.facts["done"] == 2
    assert {path.suffix for path in (out / "batch").iterdir()} == {".jsonl", ".log"}, (
        "nothing is left of stops and holds"
    )


def test_other_options_are_refused_for_what_they_would_not_change(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_batch([task("a", Write(tmp_path / "a"), "--iterations 10")], out, ONE)
    others = [task("a", Write(tmp_path / "a"), "--iterations 20"), task("b", Write(tmp_path / "b"))]
    with pytest.raises(RunError, match=r"1 of 2 scenes were made with other options before \(a, now with --iter"):
        run_batch(others, out, ONE)
    assert not (tmp_path / "b").exists(), "nothing was begun"
    assert run_batch(others, out, dataclasses.replace(ONE, overwrite=True)).summary.facts["done"] == 2
    assert run_batch(others, out, ONE).summary.facts["skipped"] == 2


def test_other_commands_in_the_same_folder_have_records_of_their_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    tasks = [task("a", Write(tmp_path / "a"))]
    run_batch(tasks, out, ONE)
    assert run_batch(tasks, out, ONE, do="segment").summary.facts["done"] == 1
    assert run_batch(tasks, out, ONE).summary.facts["skipped"] == 1


def test_two_batches_on_one_folder_are_refused_and_who_holds_it_is_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "batch").mkdir(parents=True)
    hold = take_hold(out, "splatseg batch", "batch/state.lock")
    with pytest.raises(RunError, match=rf"{out} is open in this very process, splatseg batch .*; end that first"):
        run_batch([task("a", Write(tmp_path / "a"))], out, ONE)
    with pytest.raises(RunError, match="is open in"):
        run_batch([task("a", Write(tmp_path / "a"))], out, BatchRequest(shard="1/2"))
    hold.release()
    run_batch([task("a", Write(tmp_path / "a"))], out, ONE)


def test_shards_share_a_folder_and_each_shows_all(tmp_path: Path) -> None:
    out = tmp_path / "out"
    tasks = [task(name, Write(tmp_path / name)) for name in "abcde"]
    hold = take_hold_of_shard(out, "state-2-of-2")
    seen: list[Overview] = []
    half = run_batch(tasks, out, BatchRequest(shard="1/2"), watch=seen.append)
    assert half.summary.facts["scenes"] == 3, "beside its sibling"
    assert seen[-1].counts == {"done": 3, "waiting": 2}
    with pytest.raises(RunError, match="is open in"):
        run_batch(tasks, out, BatchRequest(shard="1/3"))
    with pytest.raises(RunError, match="is open in"):
        run_batch(tasks, out, ONE)
    hold.release()
    run_batch(tasks, out, BatchRequest(shard="2/2"), watch=seen.append)
    assert seen[-1].counts == {"done": 5}
    assert {path.name for path in (out / "batch").glob("*.jsonl")} == {"state-1-of-2.jsonl", "state-2-of-2.jsonl"}
    assert run_batch(tasks, out, ONE).summary.facts["skipped"] == 5, "one process knows what shards have done"
    assert all((tmp_path / name).read_text() == "x" for name in "abcde")


def take_hold_of_shard(out: Path, part: str) -> Hold:
    """Hold a folder as a shard does."""
    (out / "batch").mkdir(parents=True, exist_ok=True)
    return take_hold(out, "splatseg batch", f"batch/{part}.lock")


@pytest.mark.parametrize("names", [["a", "A"], ["batch"], ["status.html"], ["a/b"], [""], [" "], [".a"]])
def test_names_that_would_share_a_file_are_refused(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"several scenes are called a|a scene cannot be called"):
        run_batch([task(name, Write(tmp_path / "x")) for name in names], tmp_path / "out", ONE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a" * 201, "\u00e9" * 101])
def test_a_name_that_is_too_long_for_files_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"has 20[12] bytes, and files in OUT are called by it; give the scene one of at"
    ):
        run_batch([task(name, Write(tmp_path / "x"))], tmp_path / "out", ONE)
    assert not (tmp_path / "out").exists()
    run_batch([task(name[:-1], Write(tmp_path / "x"))], tmp_path / "out", ONE).check()


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(batch, "make_folder", refuse)
    told = rf"^{tmp_path}/out/batch cannot be written \(Read-only file system\); name a place where you may write$"
    with pytest.raises(OutputError, match=told):
        run_batch([task("a", Write(tmp_path / "a"))], tmp_path / "out", ONE)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="is not a folder"):
        run_batch([task("a", Write(tmp_path / "a"))], tmp_path / "out", ONE)


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from batch_tasks import Write, task
from splatseg.errors import OutputError
from splatseg.jobs.batching.batch import run_batch
from splatseg.requests.batching import BatchRequest
out = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))
try:
    run_batch([task(name, Write(out.parent / name)) for name in "abc"], out, BatchRequest(workers=1))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no limit of the size of files")
def test_a_full_disk_is_told_in_a_sentence_and_leaves_no_half_line(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", FULL, str(tmp_path / "out"), str(Path(__file__).parents[2])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    state = tmp_path / "out" / "batch" / "state.jsonl"
    assert done.stdout.startswith(f"{state} cannot be written (File too large); raise the limit"), done.stderr
    assert all(json.loads(line) for line in state.read_text().splitlines())


def test_lines_that_a_crash_cut_short_are_passed_over(tmp_path: Path) -> None:
    state = tmp_path / "batch" / "state.jsonl"
    state.parent.mkdir()
    Records(state.parent, "state").append(Record("a", "done"), Record("b", "running"))
    with state.open("ab") as file:
        file.write(b'{"scene": "c", "sta')
    records = Records(state.parent, "state")
    records.append(Record("b", "done"))
    assert {scene: record.state for (_, scene), record in Records(state.parent, "state").latest.items()} == {
        "a": "done",
        "b": "done",
    }


def test_a_scene_that_is_done_twice_waits_for_its_first_worker(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "out" / "batch").mkdir(parents=True)
    log = (tmp_path / "out" / "batch" / "a.log").open("a")
    fcntl.flock(log, fcntl.LOCK_EX)
    working = threading.Thread(target=run_batch, args=([task("a", Write(tmp_path / "a"))], tmp_path / "out", ONE))
    working.start()
    time.sleep(0.3)
    assert not (tmp_path / "a").exists()
    log.close()
    working.join()
    assert (tmp_path / "a").exists()


def test_figures_of_a_summary_are_kept(tmp_path: Path) -> None:
    run_batch([task("a", Write(tmp_path / "a"))], tmp_path / "out", ONE)
    record = Records(tmp_path / "out" / "batch", "state").latest["train", "a"]
    assert record.figures == {"segments": 3, "findings": 2, "psnr": 30.0}
    assert record.warnings == ("it is a test",)
    assert record.memory > 10**6 and record.command == "splatseg do a"


@pytest.mark.parametrize("module", [batch, training])
def test_the_examples_of_batches_run(module: object, tmp_path: Path) -> None:
    names = {"splatseg": splatseg, "folder": tmp_path, "BatchRequest": BatchRequest}
    names |= {"train_task": training.train_task, "run_batch": run_batch}
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, globs=names):
        runner.run(example)
    assert runner.tries and not runner.failures
