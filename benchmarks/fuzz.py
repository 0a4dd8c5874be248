"""Attack of all readers with damaged files and with bombs; a table of what broke.

    python benchmarks/fuzz.py [--minutes 10 | --inputs 20000] [--target NAME] [--seed 0] [--bombs]

Targets are those of tests/fuzz_targets.py, inputs those of tests/fuzz_mutator.py: the same for a seed. Each target runs
in a process of its own, limited to 3 GB more than it has at its start, and to 60 s an input. With atheris (Apache 2.0;
`pip install atheris`) and --guided, inputs are chosen by the lines of splatseg that they reach. Files that fail are
saved in --out, a folder for each target.

    inputs        files given to the reader
    crashes       ends of the process: signals, memory beyond its limit outside of Python, over 60 s
    tracebacks    errors that are no SplatsegError, each place once in brackets
    over 1 GB     peaks of memory above that before the call        over 5 s     seconds of processor time
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

# Targets and bombs are those of the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

GUIDED = '"guided": true' in " ".join(sys.argv)
"""True in a process that counts the lines which an input reaches: those of modules imported under atheris."""

with __import__("atheris").instrument_imports(include=["splatseg"]) if GUIDED else nullcontext():
    from fuzz_bombs import BOMBS
    from fuzz_mutator import mutated
    from fuzz_targets import TARGETS, Target
    from fuzz_trial import attempt

LIMIT = 3 << 30
"""Bytes that a process may take beside what it has at its start."""

HANG = 60.0
"""Seconds of an input after which its process is ended."""

EMPTY: dict[str, Any] = {"inputs": 0, "at": 0, "found": {}, "places": {}}
"""Account of a process that ended before its first input."""

KINDS = ("crashes", "tracebacks", "over 1 GB", "over 5 s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all targets together")
    parser.add_argument("--inputs", type=int, default=0, help="for each target, in place of --minutes")
    parser.add_argument("--target", action="append", help="one of the targets; may be repeated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), help="folder of the files that fail")
    parser.add_argument("--guided", action="store_true", help="choose inputs by coverage, with atheris")
    parser.add_argument("--bombs", action="store_true", help="only the bombs")
    parser.add_argument("--no-bombs", action="store_true", help="only damaged files")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(json.loads(options.child))
        return
    known = {target.name for target in TARGETS}
    names = options.target or [target.name for target in TARGETS]
    if not known.issuperset(names):
        parser.error(f"no target {', '.join(sorted(set(names) - known))}; there are {', '.join(sorted(known))}")
    rows = []
    if not options.bombs:
        seconds = 60 * options.minutes / len(names)
        for name in names:
            task = {"target": name, "seed": options.seed, "out": str(options.out), "guided": options.guided}
            rows.append(run(name, task | {"seconds": seconds, "inputs": options.inputs}))
            print(line(rows[-1]), flush=True)
    if not options.no_bombs and not options.target:
        rows.append(
            run("bombs", {"target": "", "seed": 0, "out": str(options.out), "inputs": len(BOMBS), "guided": False})
        )
        print(line(rows[-1]), flush=True)
    print("\n" + table(rows))


def run(name: str, task: dict[str, Any]) -> dict[str, Any]:
    """Run a target in processes of its own, a new one after each that ends early, and return its row."""
    row: dict[str, Any] = {"target": name, "inputs": 0, **dict.fromkeys(KINDS, 0), "places": {}}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        state = Path(folder) / "state.json"
        task = task | {"folder": folder, "state": str(state), "start": 0}
        while True:
            left = task.get("seconds", 1e9) - (time.monotonic() - began) if not task["inputs"] else 1e9
            command = [sys.executable, __file__, "--child", json.dumps(task | {"seconds": left})]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            hung = _watched(process, state)
            done = (
                json.loads(state.read_text()) if state.exists() else {"inputs": 0, "at": 0, "found": {}, "places": {}}
            )
            row["inputs"] += done["inputs"]
            for kind, count in done["found"].items():
                row[kind] += count
            for place, count in done["places"].items():
                row["places"][place] = row["places"].get(place, 0) + count
            if process.returncode == 0:
                return row
            row["crashes"] += 1
            what = "over 60 s" if hung else f"signal {-process.returncode}" if process.returncode < 0 else "exit"
            row["places"][what] = row["places"].get(what, 0) + 1
            _save(Path(task["out"]), name, f"{what} {done['at']}", Path(done.get("path", "")))
            state.unlink(missing_ok=True)
            task["start"] = done["at"] + 1
            out_of_time = not task["inputs"] and time.monotonic() - began > task["seconds"]
            if out_of_time or (task["inputs"] and task["start"] >= task["inputs"]):
                return row


def _watched(process: subprocess.Popen[bytes], state: Path) -> bool:
    """Wait for a process; end it if its state stands still for `HANG` seconds. Returns True if it was ended."""
    seen, since = "", time.monotonic() + 4 * HANG  # importing takes a while, and longer under atheris
    while process.poll() is None:
        time.sleep(0.2)
        now = state.read_text() if state.exists() else ""
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > HANG:
            process.kill()
            process.wait()
            return True
    return False


class Account:
    """Results of one process, in a file that outlives its crash."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task, self.state, self.out = task, Path(task["state"]), Path(task["out"])
        self.limited = False
        self.saved: set[str] = set()
        self.known: dict[str, Any] = {"inputs": 0, "at": task["start"], "found": {}, "places": {}}

    def give(self, number: int, name: str, path: Path, read: Callable[[], object]) -> None:
        """Give the file at a path to its reader."""
        self.known |= {"at": number, "path": str(path)}
        self.write()
        outcome = attempt(read)
        if not self.limited:  # after the first, which loads what a reader loads only when it is called
            _limit()
            self.limited = True
        self.known["inputs"] += 1
        for kind in outcome.faults:
            place = f"{kind}: {outcome.place or outcome.told[:60] or 'read'}"
            place = place if self.task["target"] else f"{name}: {place}"
            for group, key in (("found", kind), ("places", place)):
                self.known[group][key] = self.known[group].get(key, 0) + 1
            if place not in self.saved:
                self.saved.add(place)
                _save(self.out, name, f"{place} {number}", path)

    def write(self) -> None:
        self.state.write_text(json.dumps(self.known))


def child(task: dict[str, Any]) -> None:
    """Give inputs to one reader, or all bombs to theirs."""
    account, folder = Account(task), Path(task["folder"])
    if not task["target"]:
        for number, bomb in enumerate(BOMBS[task["start"] :], start=task["start"]):
            place = folder / f"bomb{number}"
            place.mkdir()
            account.give(number, bomb.name, *bomb.make(place))
            shutil.rmtree(place, ignore_errors=True)
    else:
        target = next(target for target in TARGETS if target.name == task["target"])
        place = folder / f"from{task['start']}"
        place.mkdir(parents=True)
        (guided if task["guided"] else damaged)(account, target, place)
    account.write()
    os._exit(0)  # threads of libraries need no end


def damaged(account: Account, target: Target, place: Path) -> None:
    """Give whole files, damaged at random."""
    path, seeds, read = target.make(place)
    task, number = account.task, account.task["start"]
    ends = time.monotonic() + task["seconds"]
    while (number < task["inputs"]) if task["inputs"] else (time.monotonic() < ends):
        rng = random.Random(f"{task['seed']} {target.name} {number}")
        path.write_bytes(mutated(rng, seeds, target.container))
        account.give(number, target.name, path, read)
        number += 1


def guided(account: Account, target: Target, place: Path) -> None:
    """Give files that atheris chooses: those that reach new lines are damaged further."""
    import atheris  # noqa: PLC0415 (not everyone has it)

    path, seeds, read = target.make(place)
    corpus = place / "corpus"
    corpus.mkdir()
    for i, seed in enumerate(seeds):
        (corpus / str(i)).write_bytes(seed)
    task = account.task

    def one(data: bytes) -> None:
        path.write_bytes(data)
        account.give(account.known["inputs"], target.name, path, read)
        if task["inputs"] and account.known["inputs"] >= task["inputs"]:
            account.write()
            os._exit(0)

    def damage(data: bytes, most: int, seed: int) -> bytes:
        return mutated(random.Random(seed), [data, *seeds], target.container)[:most]

    runs = f"-max_total_time={max(1, int(task['seconds']))}" if not task["inputs"] else "-runs=-1"
    options = [runs, "-timeout=60", "-rss_limit_mb=0", "-max_len=1000000", "-handle_segv=0", "-handle_abrt=0"]
    atheris.Setup([sys.argv[0], *options, f"-seed={task['seed'] + 1}", str(corpus)], one, custom_mutator=damage)
    atheris.Fuzz()


def _limit() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT, used + LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _save(out: Path, name: str, what: str, path: Path) -> None:
    """Keep a file that fails."""
    if path.is_file():
        plain = "".join(letter if letter.isalnum() or letter in ".-_" else "_" for letter in what)[:120]
        place = out / name.replace(" ", "_").replace(",", "") / f"{plain}{''.join(path.suffixes[-2:])}"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    figures = " | ".join(f"{row[kind]}" for kind in KINDS)
    places = "; ".join(f"{place} ({count})" for place, count in sorted(row["places"].items()))
    return f"| {row['target']} | {row['inputs']:,} | {figures} | {places[:600]} |"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table in Markdown, with a last row of sums."""
    whole = {"target": "all", "places": {}, **{key: sum(row[key] for row in rows) for key in ("inputs", *KINDS)}}
    head = [f"| target | inputs | {' | '.join(KINDS)} | places |", "| --- |" + " ---: |" * 5 + " --- |"]
    return "\n".join([*head, *map(line, [*rows, whole])])


if __name__ == "__main__":
    main()
