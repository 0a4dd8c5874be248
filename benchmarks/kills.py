"""Kills every command at random moments, runs it again as a user would, and compares all files with an undisturbed run.

    python benchmarks/kills.py --trials 200 [--command train] [--signal KILL] [--seed 0] [-o FOLDER]

A trial is a process that is killed once: at a random time of its run (even trials), or just before or after one of the
calls that change a folder (odd trials: rename, remove, make, sync), where a half-done change would show. Then files are
looked at for damage, the command runs again, and its files must be those of the undisturbed run, to the bit. The
processes are forked from one that has imported everything, so that kills hit the work and not the imports.

    hit      trials whose process did not end before the signal     differ   trials with another file than undisturbed
    corrupt  trials after whose kill a file was damaged             failed   trials whose second run failed
    orphans  parts of files and folders that are there after the second run
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import pkgutil
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # a process with threads must not fork

import numpy as np  # noqa: E402
from safetensors import SafetensorError, safe_open  # noqa: E402

import splatseg  # noqa: E402
from splatseg.cli.main import run  # noqa: E402
from splatseg.demo.demo import demo_capture  # noqa: E402
from splatseg.errors import SplatFileError  # noqa: E402
from splatseg.formats.ply.ply import read_ply  # noqa: E402
from splatseg.train import fit  # noqa: E402

EXCLUDED = {
    "metrics.jsonl": "holds the seconds of every part of the work, and the steps that were done twice",
    "report.html": "shows those seconds",
    "checkpoint": "the clock decides at which steps checkpoints are written",
    "open.lock": "stays behind a killed command; nobody locks it, so it says nothing",
}
"""Files and folders that two runs need not have alike, and why."""

CHANGES = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "fsync")
"""Functions of `os` around which odd trials are killed."""

CHECKPOINT_SECONDS = 0.3
"""In place of `train.fit.CHECKPOINT_SECONDS`, so that small fits have checkpoints."""


@dataclass(frozen=True)
class Case:
    """One command of the table."""

    name: str
    arguments: list[str]
    again: list[str] = field(default_factory=list)
    """Arguments that a user adds the second time."""
    needs_run: bool = True
    """True if it works on a copy of the small run."""


@dataclass
class Row:
    """The figures of one command."""

    trials: int = 0
    hit: int = 0
    differ: int = 0
    corrupt: int = 0
    failed: int = 0
    orphans: int = 0


def cases(work: Path, capture: Path, clip: Path | None) -> Iterator[Case]:
    """Every command that writes, on the small run `work`/run."""
    run, masks = str(work / "run"), str(capture / "masks")
    small = [str(capture), "--downscale", "8"]
    fit = ["train", *small, "-o", str(work / "new"), "--masks", masks, "--iterations", "60"]
    yield Case("train", fit, ["--resume"], needs_run=False)
    over = ["train", *small, "-o", run, "--masks", masks, "--iterations", "40", "--overwrite"]
    yield Case("train --overwrite", over)
    yield Case("segment", ["segment", run, "--masks", str(capture / "gt" / "instance")])
    yield Case("segment --granularity", ["segment", run, "--granularity", "0.2"])
    yield Case("segment --masks auto", ["segment", run, "--masks", "auto"])
    yield Case("masks", ["masks", *small, "-o", str(work / "proposed"), "--shard", "1/16"], needs_run=False)
    click = ["--view", "012.jpg", "--click", "19,12"]
    yield Case("select -o", ["select", run, *click, "-o", str(work / "selected")])
    for suffix in ("ply", "compressed.ply", "splat", "spz", "sog", "glb", "usdc", "usda", "usdz", "json"):
        yield Case(f"export .{suffix}", ["export", run, "-o", str(work / f"out.{suffix}")])
    yield Case("export --each", ["export", run, "--each", "--rest", "-o", str(work / "each")])
    yield Case("export --each spz", ["export", run, "--each", "--format", "spz", "-o", str(work / "each-spz")])
    yield Case("export --layout", ["export", run, "--layout", "inria", "-o", str(work / "layout")])
    yield Case("refine", ["refine", run, "-o", str(work / "refined")])
    yield Case("render", ["render", run, "--what", "overlay", "-o", str(work / "pictures")])
    film = ["render", run, "--what", "rgb", "--path", "orbit", "--seconds", "1", "--fps", "24"]
    for name in ("film.mp4", "film.gif", "film.webp", "film"):
        yield Case(f"render {name}", [*film, "--codec", "av1", "-o", str(work / name)])
    yield Case("evaluate", ["evaluate", run, "--gt", str(capture / "gt" / "instance")])
    yield Case("demo", ["demo", "-o", str(work / "demo"), "--iterations", "25"], ["--overwrite"], needs_run=False)
    if clip is not None:
        yield Case("words", ["words", run, "--model", str(clip)])


def import_everything() -> None:
    """Import all that commands import, so that forked processes begin with their work."""
    for module in pkgutil.walk_packages(splatseg.__path__, "splatseg."):
        if not module.name.startswith("splatseg.viewer"):
            importlib.import_module(module.name)
    for name in ("skimage.segmentation", "skimage.graph", "scipy.sparse.csgraph", "gaussforge", "pxr.UsdVol"):
        try:
            importlib.import_module(name)
        except ImportError:
            print(f"{name} is not here; its commands are told as failed")


def started(arguments: list[str], log: Path, temporary: Path, prepare: Callable[[], None] = lambda: None) -> int:
    """Fork a process that runs a command; return its number. prepare: called in it before the command."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        # A part of the command line's main that a fork does not go through.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with log.open("a") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        tempfile.tempdir = str(temporary)
        fit.CHECKPOINT_SECONDS = CHECKPOINT_SECONDS
        prepare()
        code = run(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ended(process: int) -> int:
    """Wait for a process and return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def counting(on_change: Callable[[int, bool], None]) -> Callable[[], None]:
    """A `prepare` that calls on_change(number, done) before and after every call of CHANGES."""

    def prepare() -> None:
        count = 0

        def wrapped(function: Callable[..., object]) -> Callable[..., object]:
            def call(*values: object, **options: object) -> object:
                nonlocal count
                count += 1
                number = count
                on_change(number, False)
                result = function(*values, **options)
                on_change(number, True)
                return result

            return call

        for name in CHANGES:
            setattr(os, name, wrapped(getattr(os, name)))

    return prepare


def is_part(path: Path) -> bool:
    """Tell whether a path is a file or folder that is not whole yet."""
    return path.name.startswith(".") and path.name.endswith(".part")


def files_of(folder: Path) -> dict[str, str]:
    """Hashes of all files in a folder but the excluded ones and those inside parts, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        inside_part = any(is_part(Path(name)) for name in relative.parts)
        if path.is_file() and not inside_part and not EXCLUDED.keys() & set(relative.parts):
            found[relative.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def damaged(folder: Path, known: list[dict[str, str]]) -> list[str]:
    """Files that are neither as before the command nor as after it, and cannot be read."""
    return [
        name
        for name, digest in files_of(folder).items()
        if not any(files.get(name) == digest for files in known) and not _is_whole(folder / name)
    ]


def _is_whole(path: Path) -> bool:
    """Tell whether a file of a run that is neither old nor new can be read."""
    try:
        if path.suffix == ".json":
            json.loads(path.read_text())
            return True
        if path.suffix == ".safetensors":
            with safe_open(str(path), framework="numpy") as file:
                return bool(file.keys())
        if path.suffix == ".ply":
            return len(read_ply(path)) > 0
    except (ValueError, SafetensorError, SplatFileError):
        return False
    return path.suffix == ".yaml" and path.read_text().endswith("\n")


@dataclass(frozen=True)
class Undisturbed:
    """A run of a command without a kill."""

    before: dict[str, str]
    """Hashes of all files before it, by path."""
    after: dict[str, str]
    """Hashes of all files after it."""
    seconds: float
    changes: int
    """Calls of CHANGES."""


class Bench:
    """A folder of trials, and the small run that commands work on."""

    def __init__(self, folder: Path, random: np.random.Generator, signals: list[signal.Signals]) -> None:
        self.work, self.base, self.log = folder / "work", folder / "base", folder / "log.txt"
        self.temporary = self.work / "tmp"
        self._random, self._signals = random, signals

    def prepare(self, case: Case) -> None:
        """Make the folder of a trial anew."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        if case.needs_run:
            shutil.copytree(self.base, self.work / "run")

    def undisturbed(self, case: Case) -> Undisturbed:
        """Run a case without a kill."""
        self.prepare(case)
        before, counted = files_of(self.work), self.work.parent / "changes"
        began = time.monotonic()
        note = counting(lambda number, done: counted.write_text(str(number)) if done else None)
        code = ended(started(case.arguments, self.log, self.temporary, note))
        seconds = time.monotonic() - began
        if code != 0:
            raise RuntimeError(f"{case.name} fails undisturbed, with code {code}; see {self.log}")
        return Undisturbed(before, files_of(self.work), seconds, int(counted.read_text()))

    def killed(self, case: Case, seconds: float, changes: int, at_change: bool) -> bool:
        """Run a case and send it the signals; return whether they came before its end."""
        if at_change:
            when, after = int(self._random.integers(1, changes + 1)), bool(self._random.integers(2))

            def strike(number: int, done: bool) -> None:
                if number == when and done == after:
                    for sent in self._signals:
                        os.kill(os.getpid(), sent)

            return ended(started(case.arguments, self.log, self.temporary, counting(strike))) != 0
        process = started(case.arguments, self.log, self.temporary)
        time.sleep(self._random.uniform(0.0, seconds))
        for sent in self._signals:
            os.kill(process, sent)
            time.sleep(0.02)
        return ended(process) != 0

    def trial(self, case: Case, row: Row, known: Undisturbed) -> None:
        """Kill a case once, run it again, and count what is wrong."""
        self.prepare(case)
        row.trials += 1
        hit = self.killed(case, known.seconds, known.changes, at_change=row.trials % 2 == 0)
        row.hit += hit
        broken = damaged(self.work, [known.before, known.after])
        # A command that finished is not run again: most refuse to write a second time what is there.
        code = ended(started([*case.arguments, *case.again], self.log, self.temporary)) if hit else 0
        found, after = files_of(self.work), known.after
        different = sorted(name for name in found.keys() | after.keys() if found.get(name) != after.get(name))
        parts = [path for path in self.work.rglob("*") if is_part(path)]
        row.corrupt += bool(broken)
        row.failed += code != 0
        row.differ += bool(different)
        row.orphans += len(parts)
        if broken or different or parts or code != 0:
            print(f"  {case.name}: code {code}, corrupt {broken}, different {different[:5]}, parts {parts}", flush=True)


def small_run(bench: Bench, capture: Path) -> None:
    """Make the run that commands work on."""
    bench.work.mkdir(parents=True)
    arguments = ["train", str(capture), "-o", str(bench.base), "--masks", str(capture / "masks")]
    code = ended(started([*arguments, "--downscale", "8", "--iterations", "60"], bench.log, bench.work))
    if code != 0:
        raise RuntimeError(f"the small run fails with code {code}; see {bench.log}")


def tiny_clip(folder: Path) -> Path | None:
    """A CLIP of a few hundred random weights, of the tests; None without transformers."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
    try:
        return importlib.import_module("tiny_language_models").tiny_clip(folder)
    except Exception as error:
        print(f"words are left out: {error}")
        return None


def table(rows: dict[str, Row]) -> str:
    """The rows as Markdown, with their sum."""
    total = Row(*(sum(getattr(row, name) for row in rows.values()) for name in vars(Row())))
    lines = ["| command | trials | hit | differ | corrupt | failed | orphans |", "|---|---|---|---|---|---|---|"]
    for name, row in (*rows.items(), ("all", total)):
        lines.append(f"| {name} | " + " | ".join(str(value) for value in vars(row).values()) + " |")
    return "\n".join(lines)


def kills(
    folder: Path, trials: int, seed: int = 0, command: str | None = None, sent: tuple[str, ...] = ("KILL",)
) -> dict[str, Row]:
    """Spread trials over all commands, or over those whose names begin with `command`; return the rows by name."""
    import_everything()
    capture = demo_capture()
    signals = [signal.Signals[f"SIG{name}"] for name in sent]
    bench = Bench(folder, np.random.default_rng(seed), signals)
    small_run(bench, capture)
    with_words = command is None or "words".startswith(command)
    chosen = list(cases(bench.work, capture, tiny_clip(folder / "clip") if with_words else None))
    chosen = [case for case in chosen if command is None or case.name.startswith(command)]
    known = [bench.undisturbed(case) for case in chosen]
    # Fewer trials of commands that take long, but at least one of each.
    weights = np.array([undisturbed.seconds**-0.5 for undisturbed in known])
    ends = np.rint(np.cumsum(weights) / weights.sum() * max(trials - len(chosen), 0)).astype(int)
    rows = {}
    for case, undisturbed, share in zip(chosen, known, np.diff(ends, prepend=0) + 1, strict=True):
        row = rows[case.name] = Row()
        for _ in range(share):
            bench.trial(case, row, undisturbed)
        print(f"{case.name}: {undisturbed.seconds:.1f} s, {undisturbed.changes} changes, {row}", flush=True)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--command", help="only commands whose names begin with this")
    parser.add_argument("--signal", nargs="+", default=["KILL"], help="KILL, TERM, INT, or several in a row: INT INT")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="a new folder to work in; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.output or Path(temporary) / "kills"
        folder.mkdir(parents=True)
        print(table(kills(folder, options.trials, options.seed, options.command, tuple(options.signal))))


if __name__ == "__main__":
    main()
