"""A batch of many scenes beside the same scenes run by themselves, with a worker killed in the middle.

    python benchmarks/bench_batch.py --work DIR [--scenes 100] [--workers 2] [--iterations 133] [--samples 2]
                                     [--no-kill]

The scenes are all the embedded demo at a sixth of its steps, so that the right result of each is known: that of one
`splatseg train`. Single runs are timed before and after the batch, as many at once as it has workers and with as many
threads as these have, each a process of its own.

    single      mean seconds of such a round of single runs; the sum is what all scenes would take so
    batch       seconds of `splatseg batch`, and its ratio to that sum: below 1.05 is an overhead below 5 %
    killed      workers that were ended by SIGKILL while they fitted, after a third of the scenes
    differ      files of any scene that are not, to the bit, those of a single run (see EXCLUDED)
    memory      highest resident memory of a worker during its first scenes and its last, which tells of leaks
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from splatseg.demo.demo import demo_capture
from splatseg.jobs.batching.records import Record, Records
from splatseg.jobs.batching.task import FOLDER
from splatseg.jobs.demo import ITERATIONS

RUN = "import sys; from splatseg.cli.main import run; sys.exit(run(sys.argv[1:]))"

EXCLUDED = ("metrics.jsonl", "report.html", "open.lock", "checkpoint")
"""Files that two runs need not have alike: times, and what the clock decides (docs/pipeline.md)."""

SHARE_BEFORE_KILL = 1 / 3
"""Share of the scenes that are done when a worker is killed."""


def main() -> None:
    """Run all of it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a folder that is made, 20 MB a scene")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=ITERATIONS // 6)
    parser.add_argument("--samples", type=int, default=2, help="rounds of single runs before the batch, and after it")
    parser.add_argument("--no-kill", action="store_true")
    given = parser.parse_args()
    given.work.mkdir(parents=True)
    options = ["--masks", str(demo_capture() / "masks"), "--iterations", str(given.iterations)]
    threads = max(1, len(os.sched_getaffinity(0)) // given.workers)
    rounds = [single_runs(given.work / f"before{k}", given.workers, threads, options) for k in range(given.samples)]
    seconds, killed = batch(given.work, given.scenes, given.workers, options, kill=not given.no_kill)
    rounds += [single_runs(given.work / f"after{k}", given.workers, threads, options) for k in range(given.samples)]
    expected = digests(given.work / "before0" / "0")
    runs = [given.work / "out" / name for name in names(given.scenes)]
    differing = [f"{run.name}/{file}" for run in runs for file in differences(expected, run)]
    each = statistics.mean(rounds)
    total = each * given.scenes / given.workers
    first, last = memory_of_workers(given.work / "out")
    print(f"single   {each:.2f} s a round of {given.workers} with {threads} threads each ({spread(rounds)})")
    print(f"batch    {seconds:.1f} s for {given.scenes} scenes; single runs {total:.1f} s; ratio {seconds / total:.3f}")
    print(f"killed   {killed} of {given.workers} workers; {len(runs)} of {given.scenes} runs complete")
    print(f"differ   {len(differing)} files of {len(expected) * len(runs)} {differing[:5] or ''}")
    print(f"memory   {first / 1e6:.0f} MB during the first scenes, {last / 1e6:.0f} MB during the last")


def names(count: int) -> list[str]:
    """Names of the scenes."""
    return [f"copy{number:04d}" for number in range(count)]


def single_runs(folder: Path, count: int, threads: int, options: list[str]) -> float:
    """Seconds of so many single runs at once."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    train = [sys.executable, "-P", "-c", RUN, "train", str(demo_capture()), *options, "-o"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    began = time.perf_counter()
    processes = [
        subprocess.Popen([*train, str(folder / str(number))], env=environment, **quiet) for number in range(count)
    ]
    codes = [process.wait() for process in processes]
    assert not any(codes), codes
    seconds = time.perf_counter() - began
    for number in range(1, count):
        shutil.rmtree(folder / str(number))
    return seconds


def batch(work: Path, scenes: int, workers: int, options: list[str], kill: bool) -> tuple[float, int]:
    """Seconds of a batch, and the workers that were killed in it."""
    lines = [f"{demo_capture()} --name {name}\n" for name in names(scenes)]
    (work / "list.txt").write_text("".join(lines), encoding="utf-8")
    words = ["batch", str(work / "list.txt"), "-o", str(work / "out"), "--workers", str(workers), "--", *options]
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-P", "-c", RUN, *words], stdout=subprocess.DEVNULL)
    killed = kill_one(work / "out", scenes, process) if kill else 0
    code = process.wait()
    assert code == 0, f"the batch ended with code {code}"
    return time.perf_counter() - began, killed


def kill_one(out: Path, scenes: int, process: subprocess.Popen[bytes]) -> int:
    """Kill the worker of a scene that is being fitted, once a share of the scenes is done; return how many were."""
    while process.poll() is None:
        time.sleep(0.1)
        records = Records(out / FOLDER, "state").latest.values() if (out / FOLDER).is_dir() else []
        if sum(record.state == "done" for record in records) < SHARE_BEFORE_KILL * scenes:
            continue
        for record in records:
            if record.state == "running" and is_fitting(out, record):
                try:
                    holder = json.loads((out / record.scene / "open.lock").read_text(encoding="utf-8"))
                except (OSError, ValueError):
                    continue
                os.kill(holder["process"], signal.SIGKILL)
                print(f"killed process {holder['process']} while it fitted {record.scene}", file=sys.stderr, flush=True)
                return 1
    return 0


def is_fitting(out: Path, record: Record) -> bool:
    """Tell whether a scene is in the middle of its fit."""
    try:
        return '"fitting"' in (out / FOLDER / f"{record.scene}.now").read_text(encoding="utf-8")
    except OSError:
        return False


def digests(run: Path) -> dict[str, str]:
    """Digests of the files of a run that two runs have alike, by their names in it."""
    files = [path for path in sorted(run.rglob("*")) if path.is_file()]
    named = {path.relative_to(run).as_posix(): path for path in files}
    kept = {name: path for name, path in named.items() if name.split("/")[0] not in EXCLUDED}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in kept.items()}


def differences(expected: dict[str, str], run: Path) -> list[str]:
    """Names of files that a run has otherwise, or not at all, or too many."""
    found = digests(run)
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def memory_of_workers(out: Path) -> tuple[int, int]:
    """Highest memory over the first quarter of the scenes that were done, and over the last."""
    done = sorted(Records(out / FOLDER, "state").latest.values(), key=lambda record: record.at)
    part = max(1, len(done) // 4)
    return max(record.memory for record in done[:part]), max(record.memory for record in done[-part:])


def spread(values: list[float]) -> str:
    """Values for reading."""
    return ", ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
