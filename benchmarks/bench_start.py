"""Processor seconds of each command's start, beside another checkout, in turn.

    python benchmarks/bench_start.py [FILE ...] [--rounds 9] [--beside NAME=TREE]

TREE is a checkout of another commit whose extension is built into its splatseg/; what is installed is "now". Every
checkout first makes a run of the embedded capture, small enough that hardly any work is left to a command. Every round
then runs each command once by every checkout, as processes of their own with one thread: a help text, mistakes, `info`
of the files, of the capture and of the run, `select`, `render` and `export`. Printed are the medians of user and system
seconds, their ratio, and as a measure for all `import torch` alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import splatseg
from splatseg.demo.demo import demo_capture

NOW = "now"

RUN = "import sys; from splatseg.cli.main import run; sys.exit(run(sys.argv[1:]))"

SMALL = ("--downscale", "8", "--iterations", "20")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--beside", metavar="NAME=TREE")
    given = parser.parse_args()
    trees = {NOW: Path(splatseg.__file__).resolve().parents[1]}
    if given.beside:
        name, _, tree = given.beside.partition("=")
        trees[name] = Path(tree).resolve()
    with TemporaryDirectory() as work:
        runs = {name: Path(work) / name / "run" for name in trees}
        data = str(demo_capture())
        for name, tree in trees.items():
            masks = ["--masks", f"{data}/masks"]
            code = processor_seconds(tree, ["train", data, "-o", str(runs[name]), *masks, *SMALL])[1]
            if code:
                raise SystemExit(f"{tree}: no run could be made of {data}; splatseg train ended with {code}")
        times: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in trees}
        for turn in range(given.rounds):
            names = list(trees)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                for what, (arguments, expected) in commands(given.files, data, runs[name]).items():
                    seconds, code = processor_seconds(trees[name], arguments)
                    if code != expected:
                        raise SystemExit(f"{name}: splatseg {' '.join(arguments)} ended with {code}, not {expected}")
                    times[name][what].append(seconds)
                times[name]["import torch alone"].append(processor_seconds(trees[name], [], "import torch")[0])
    print_table(times)


def commands(files: list[Path], data: str, run: Path) -> dict[str, tuple[list[str], int]]:
    """Return the command lines by what they do, and the exit code of each."""
    out, nowhere = run.parent / "out", str(run.parent / "nowhere")
    return {
        "--help": (["--help"], 0),
        "select --help": (["select", "--help"], 0),
        "an unknown option": (["select", "--no-such-option"], 2),
        "select, no run there": (["select", nowhere, "-o", str(out)], 2),
        "export, no file there": (["export", nowhere, "-o", str(out / "a.ply")], 2),
        **{f"info {path.name}": (["info", str(path)], 0) for path in files},
        "info CAPTURE": (["info", data], 0),
        "info RUN": (["info", str(run)], 0),
        "export RUN -o a.splat": (["export", str(run), "-o", str(out / "a.splat")], 0),
        "render RUN --split test": (["render", str(run), "--what", "rgb", "--split", "test", "-o", str(out / "r")], 0),
        "select RUN, a click": (["select", str(run), "--view", "012.jpg", "--click", "5,9", "-o", str(out / "s")], 0),
    }


def processor_seconds(tree: Path, arguments: list[str], code: str = RUN) -> tuple[float, int]:
    """Return the user and system seconds of one command, and its exit code."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, child.returncode


def print_table(times: dict[str, dict[str, list[float]]]) -> None:
    print("| command | " + " | ".join(f"{name}, s" for name in times) + " | ratio |")
    print("|---|" + "---|" * (len(times) + 1))
    for what in times[NOW]:
        medians = [statistics.median(of[what]) for of in times.values()]
        ratio = f"{medians[0] / medians[1]:.2f}" if len(medians) > 1 else ""
        print(f"| {what} | {' | '.join(f'{seconds:.3f}' for seconds in medians)} | {ratio} |")


if __name__ == "__main__":
    main()
