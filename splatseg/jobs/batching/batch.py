"""A batch: one job on many scenes, on the workers of an engine. It may be interrupted and repeated at any time.

    done       skipped when the batch is repeated, unless what it was made of has changed since
    failed     told, and done again with `retry` or other options; a failure stops no other scene, unless `fail_fast`
    stopped, running (of a batch that was killed)     gone on with

An engine whose worker is lost gives its scene to another one, which goes on where the first was. All of a batch is in
one folder, OUT, which all workers see; see `task` for its files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from splatseg.engine.in_process import InProcess
from splatseg.engine.protocol import Engine
from splatseg.engine.shard import ALL, parse_shard
from splatseg.errors import OutputError, RunError, unwritten
from splatseg.interrupts import stop_on_interrupt
from splatseg.jobs.batching.keeper import Keeper, Watch, begun
from splatseg.jobs.batching.records import Record, Records
from splatseg.jobs.batching.shards import are_apart, state_name
from splatseg.jobs.batching.task import FOLDER, Files, Task, check_names
from splatseg.jobs.batching.work import Worker
from splatseg.parts import make_folder
from splatseg.plain_text import first_few
from splatseg.requests.batching import BatchRequest
from splatseg.run.hold import Hold, take_hold
from splatseg.run.reporter import NullReporter, Reporter, Summary

DOING = "splatseg batch"
"""Name of this job for who finds its folder held."""


class BatchError(RunError):
    """Scenes of a batch failed."""


@dataclass(frozen=True)
class Batch:
    """A batch that has ended."""

    summary: Summary
    """Its summary: numbers of scenes by what became of them."""
    failed: tuple[Record, ...] = ()
    """Scenes that failed, earlier ones too."""
    stopped: bool = False
    """It was asked to stop by Ctrl-C or SIGTERM."""

    def check(self) -> None:
        """Raise BatchError if a scene failed, KeyboardInterrupt if it was stopped otherwise."""
        if self.failed:
            first = self.failed[0]
            names = first_few([record.scene for record in self.failed])
            why = f"{first.scene}: {first.error}" if len(self.failed) == 1 else names
            facts = self.summary.facts
            raise BatchError(
                f"{len(self.failed)} of {facts['scenes']} scenes failed ({why}); {facts['page']} and the logs in "
                f"{Path(facts['output']) / FOLDER} say why, --retry does them again"
            )
        if self.stopped:
            raise KeyboardInterrupt("the batch was stopped")


def run_batch(
    tasks: Sequence[Task],
    out: Path,
    request: BatchRequest | None = None,
    do: str = "train",
    reporter: Reporter | None = None,
    watch: Watch | None = None,
) -> Batch:
    """Do the tasks of a batch in the folder `out` and return what became of them; failures are in it, not raised.

    do: name of the command, whose records are told apart from those of others in the same folder.

    Raises RunError for names that cannot be, for a folder where another batch is at work, and for scenes that an
    earlier batch made with other options; OutputError for a folder that cannot be written.

    Example:
        >>> data = splatseg.demo_capture()
        >>> settings = splatseg.RunSettings.of(splatseg.CaptureSettings(str(data), downscale=8), iterations=10)
        >>> tasks = [train_task("table", settings, folder / "batch")]
        >>> run_batch(tasks, folder / "batch", BatchRequest(workers=1)).summary.facts["done"]
        1
        >>> run_batch(tasks, folder / "batch", BatchRequest(workers=1)).summary.facts["skipped"]
        1
    """
    request, reporter = request or BatchRequest(), reporter or NullReporter()
    check_names([task.name for task in tasks])
    shard = ALL if request.shard is None else parse_shard(request.shard)
    own, part, files = shard.of(tasks), state_name(shard), Files(out)
    with ExitStack() as stack:
        stack.callback(_hold(files, part).release)
        records = Records(files.folder, part)
        _check_options(own, records, do, request)
        todo = [task for task in own if _is_open(task, records.latest.get((do, task.name)), request)]
        records.append(*(begun(task, do) for task in todo))
        files.stop(part).unlink(missing_ok=True)
        keeper = Keeper(files, do, tasks, records, reporter, watch or (lambda overview: None))
        stopped = _work(todo, keeper, Worker(files.out.absolute(), part), request, reporter)
        files.stop(part).unlink(missing_ok=True)
        states = {task.name: records.latest[do, task.name] for task in own}
    return _ended(files, states, {task.name for task in todo}, stopped)


def _work(todo: Sequence[Task], keeper: Keeper, worker: Worker, request: BatchRequest, reporter: Reporter) -> bool:
    """Do the tasks; return True if a signal stopped them."""
    logs = [Files(worker.out).log(task.name) for task in todo]
    with stop_on_interrupt() as asked:
        keeper.stop_when(asked.is_set, worker.part)
        with keeper, _open(request, reporter) if todo else InProcess() as engine:
            keeper.workers, keeper.dashboard = engine.workers, engine.dashboard
            if engine.dashboard:
                reporter.say(f"the engine's own page is {engine.dashboard}")
            states: list[str] = []
            done = engine.map(worker, todo, logs=logs, started=lambda index, by: keeper.began(todo[index], by))
            for each in done:
                states.append(keeper.ended(todo[each.index], each))
                keeper.workers = max(engine.workers, 1)
                if states[-1] == "failed" and request.fail_fast:
                    keeper.stop()
        # A signal may have gone to the job itself, in this process.
        return asked.is_set() or ("stopped" in states and not (request.fail_fast and "failed" in states))


def _open(request: BatchRequest, reporter: Reporter) -> Engine:
    asked = request.engine
    if asked is None:
        return InProcess()
    from splatseg.engine.opening import open_engine  # noqa: PLC0415 (one process needs no Dask)

    return open_engine(asked, reporter.warn)


def _hold(files: Files, part: str) -> Hold:
    """Make the folder of a batch and hold it. Raises OutputError if it cannot be written, RunError if it is held."""
    try:
        make_folder(files.folder)
        hold = take_hold(files.out, DOING, f"{FOLDER}/{part}.lock")
    except OSError as error:
        raise OutputError(unwritten(files.folder, error)) from None
    try:
        for path in files.folder.glob("state*.lock"):
            if path.stem != part and not are_apart(part, path.stem):
                take_hold(files.out, DOING, f"{FOLDER}/{path.name}").release()
    except RunError:
        hold.release()
        raise
    return hold


def _check_options(tasks: Sequence[Task], records: Records, do: str, request: BatchRequest) -> None:
    """Raise RunError for scenes that were done, or begun, with other options."""
    if request.overwrite:
        return
    earlier = {task.name: records.latest.get((do, task.name)) for task in tasks}
    others = [
        task for task in tasks if (record := earlier[task.name]) and _began(record) and record.options != task.options
    ]
    if others:
        first, record = others[0], earlier[others[0].name]
        assert record is not None
        changed = sorted(set(Counter(first.options) - Counter(record.options))) or ["fewer options"]
        raise RunError(
            f"{len(others)} of {len(tasks)} scenes were made with other options before ({first.name}, now with "
            f"{' '.join(changed)}); repeat the same command, name another folder with -o, or use --overwrite"
        )


def _began(record: Record) -> bool:
    return record.state in ("done", "running", "stopped")


def _is_open(task: Task, record: Record | None, request: BatchRequest) -> bool:
    """Tell whether a task is to be done."""
    if record is None or request.overwrite:
        return True
    if record.state == "done":
        return (task.makes is not None and not task.makes.exists()) or _changed_since(task.made_of, record.at)
    # A failure with other options says nothing of these.
    return record.state != "failed" or request.retry or record.options != task.options


def _changed_since(paths: Sequence[Path], at: str) -> bool:
    """Tell whether a file was changed after a time as records hold it."""
    there = [path for path in paths if path.exists()]
    try:
        last = datetime.fromisoformat(at).timestamp()
    except ValueError:
        return bool(there)
    return any(path.stat().st_mtime > last for path in there)


def _ended(files: Files, states: dict[str, Record], tried: set[str], stopped: bool) -> Batch:
    failed = tuple(record for record in states.values() if record.state == "failed")
    counts = Counter(record.state for name, record in states.items() if name in tried)
    skipped = sum(record.state == "done" for name, record in states.items() if name not in tried)
    left = counts["stopped"] + counts["waiting"] + counts["running"]
    facts: dict[str, Any] = {
        "scenes": len(states),
        "done": counts["done"],
        "skipped": skipped,
        "failed": len(failed),
        "left": left,
        "page": files.page,
        "output": files.out,
        "failures": {record.scene: record.error for record in failed},
    }
    told = [f"{counts['done']} of {len(states)} scenes done"]
    told += [f"{count} {word}" for count, word in ((skipped, "done before"), (len(failed), "failed")) if count]
    told += [f"{left} to go on with"] if left else []
    return Batch(Summary(f"{', '.join(told)}\n{files.page}", **facts), failed, stopped)
