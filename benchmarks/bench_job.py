"""The whole job as a person waits for it, by parts, beside that of another checkout, in turn.

    python benchmarks/bench_job.py CAPTURE --work DIR [--masks DIR|auto] [--gt DIR] [--click VIEW:X,Y] [--rounds 3]
                                   [--beside NAME=TREE ...] [--threads 1] [--iterations N] [--downscale K] [--seeds 1]

TREE is a checkout of another commit whose extension is built into its splatseg/; what is installed is "now". Every
round runs every checkout once, in an order that turns, as processes of their own: `splatseg --help`, `splatseg info` of
the capture, `splatseg train`, a click by `splatseg select`, and `splatseg evaluate` if there is truth. Printed are
minimum and median of the wall seconds of each part, of processor seconds and peak memory of each command, and the
ratios of minima and medians to the first checkout beside; then the figures of quality, their means over the seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import splatseg

NOW = "now"

RUN = "import sys; from splatseg.cli.main import run; sys.exit(run(sys.argv[1:]))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--masks")
    parser.add_argument("--gt", type=Path)
    parser.add_argument("--click", default="", help="VIEW:X,Y, a click for `select`")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=TREE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--iterations")
    parser.add_argument("--downscale", default="1")
    given = parser.parse_args()
    trees = {name: Path(tree).resolve() for name, _, tree in (text.partition("=") for text in given.beside)}
    trees[NOW] = Path(splatseg.__file__).resolve().parents[1]
    times: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in trees}
    figures: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in trees}
    for turn in range(given.rounds):
        names = list(trees)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            one_job(given, name, trees[name], turn % given.seeds, times[name], figures[name])
            print(f"round {turn + 1}: {name} {times[name]['whole job'][-1]:.1f} s", file=sys.stderr, flush=True)
    print_table(list(trees), times, figures)


def one_job(
    given: argparse.Namespace,
    name: str,
    tree: Path,
    seed: int,
    times: dict[str, list[float]],
    figures: dict[str, list[float]],
) -> None:
    """Run all commands once; add their seconds and figures."""
    folder = given.work / name
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--downscale", given.downscale, "--seed", str(seed)]
    options += ["--masks", given.masks] if given.masks else []
    options += ["--iterations", given.iterations] if given.iterations else []
    commands = {
        "--help": ["--help"],
        "info": ["info", str(given.capture)],
        "train": ["train", str(given.capture), "-o", str(folder / "run"), *options],
    }
    if given.click:
        view, _, pixel = given.click.partition(":")
        commands["select"] = ["select", str(folder / "run"), "--view", view, "--click", pixel]
        commands["select"] += ["-o", str(folder / "object")]
    if given.gt:
        commands["evaluate"] = ["evaluate", str(folder / "run"), "--gt", str(given.gt)]
    whole = 0.0
    for what, arguments in commands.items():
        wall, processor, megabytes = measured(tree, arguments, given.threads)
        times[f"{what}, wall"].append(wall)
        times[f"{what}, processor"].append(processor)
        times[f"{what}, MB"].append(megabytes)
        whole += wall if what in ("train", "evaluate") else 0.0
    times["whole job"].append(whole)
    for row in map(json.loads, (folder / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()):
        if "timing" in row:
            times[f"train: {row['timing']}"].append(float(row["seconds"]))
    if given.gt:
        for key, value in numbers(json.loads((folder / "run" / "evaluation.json").read_text(encoding="utf-8"))):
            figures[key].append(value)


def measured(tree: Path, arguments: list[str], threads: int) -> tuple[float, float, float]:
    """Return wall seconds, processor seconds and peak MB of one command. Raises SystemExit if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": str(threads)}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-P", "-c", RUN, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{tree}: splatseg {' '.join(arguments)} ended with {child.returncode}: {said[-500:]}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def numbers(evaluation: dict[str, Any]) -> list[tuple[str, float]]:
    """Return the means of an evaluation, by name."""
    means = evaluation.get("means", {})
    return [(key, float(value)) for key, value in means.items() if isinstance(value, int | float)]


def print_table(
    names: list[str], times: dict[str, dict[str, list[float]]], figures: dict[str, dict[str, list[float]]]
) -> None:
    first = names[0]
    print("| part | " + " | ".join(f"{name}: min, median" for name in names) + " | ratio of minima, medians |")
    print("|---|" + "---|" * (len(names) + 1))
    for part in dict.fromkeys(part for name in names for part in times[name]):
        cells = []
        for name in names:
            values = times[name].get(part)
            cells.append(f"{min(values):.2f}, {statistics.median(values):.2f}" if values else "")
        now, before = times[NOW].get(part), times[first].get(part)
        ratio = ""
        if now and before and min(before) > 0 and first != NOW:
            ratio = f"{min(now) / min(before):.2f}, {statistics.median(now) / statistics.median(before):.2f}"
        print(f"| {part} | {' | '.join(cells)} | {ratio} |")
    for key in dict.fromkeys(key for name in names for key in figures[name]):
        cells = [f"{statistics.mean(figures[name][key]):.4f}" if figures[name][key] else "" for name in names]
        print(f"| {key} | {' | '.join(cells)} | |")


if __name__ == "__main__":
    main()
