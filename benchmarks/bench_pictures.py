"""Jobs on many pictures: wall and processor seconds on one and more threads, beside those of another checkout, in turn.

    python benchmarks/bench_pictures.py RUN [--gt DIR] [--masks DIR] [--downscale K] [--jobs NAME ...]
                                        [--beside NAME=TREE ...] [--threads 1 2] [--rounds 3]

TREE is a checkout of another commit whose extension is built into its splatseg/; what is installed is "now". Every
round runs every job by every checkout, in an order that turns, as a process of its own, whose start counts. The jobs:
proposals and masks for other programs of the run's capture; pictures, label maps and masks of all views; a film of
segments, overlays and colours, 96 frames of 1280x720 in AV1; an evaluation with its report; a cut of the hierarchy with
label maps and the report (`segment --granularity`). The run is copied before. Printed are medians of wall / processor
seconds, and ratios of wall seconds to the first checkout beside it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from bench_job import NOW, measured

import splatseg
from splatseg.run.folder import open_run


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--gt", type=Path, help="truth, for evaluation")
    parser.add_argument("--masks", type=Path, help="masks to write for other programs")
    parser.add_argument("--downscale", type=int, default=1, help="of photographs that masks are proposed for")
    parser.add_argument("--jobs", nargs="+", help="names of the jobs to run; all by default")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=TREE")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    trees = {name: Path(tree).resolve() for name, _, tree in (text.partition("=") for text in given.beside)}
    trees[NOW] = Path(splatseg.__file__).resolve().parents[1]
    columns = [(name, threads) for threads in given.threads for name in trees]
    times: dict[str, dict[tuple[str, int], list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        shutil.copytree(given.run, run)
        jobs = commands(given, run, Path(folder) / "made")
        for turn in range(given.rounds):
            order = columns[turn % len(columns) :] + columns[: turn % len(columns)]
            for job, arguments in jobs.items():
                for name, threads in order:
                    shutil.rmtree(Path(folder) / "made", ignore_errors=True)
                    wall, processor, _ = measured(trees[name], arguments, threads)
                    times[job][name, threads].append((wall, processor))
                    print(f"round {turn + 1}: {job}, {name}, {threads}: {wall:.1f} s", file=sys.stderr, flush=True)
    print_table(times, columns)


def commands(given: argparse.Namespace, run: Path, made: Path) -> dict[str, list[str]]:
    """Return the arguments of the jobs, by name; what they make goes into `made`."""
    capture = open_run(run).settings.capture.path
    render = ["render", str(run), "--split", "all", "-o", str(made)]
    film = ["render", str(run), "--path", "orbit", "--seconds", "3.2", "--size", "1280x720", "--codec", "av1"]
    jobs = {
        "proposals": ["masks", capture, "-o", str(made), "--model", "proposals", "--downscale", str(given.downscale)],
        "pictures": [*render, "--what", "rgb"],
        "label maps": [*render, "--what", "segments"],
        "masks of all segments": [*render, "--what", "masks"],
        "film of segments": [*film, "--what", "segments", "-o", str(made / "film.mp4")],
        "film of overlays": [*film, "--what", "overlay", "-o", str(made / "film.mp4")],
        "film of colours": [*film, "--what", "rgb", "-o", str(made / "film.mp4")],
        "cut, label maps, report": ["segment", str(run), "--granularity", "0.5"],
    }
    if given.masks:
        jobs["masks for other programs"] = ["masks", str(given.masks), "-o", str(made), "--export", "cgc"]
    if given.gt:
        jobs["evaluation, report"] = ["evaluate", str(run), "--gt", str(given.gt)]
    return {name: jobs[name] for name in given.jobs or jobs}


def print_table(
    times: dict[str, dict[tuple[str, int], list[tuple[float, float]]]], columns: list[tuple[str, int]]
) -> None:
    """Print medians of wall / processor seconds, and the ratios of wall medians to the first column of each number of
    threads."""
    first = columns[0][0]
    print("| job | " + " | ".join(f"{name}, {threads} threads" for name, threads in columns) + " | ratio of wall |")
    print("|---|" + "---|" * (len(columns) + 1))
    for job, of_job in times.items():
        medians = {
            column: tuple(statistics.median(kind) for kind in zip(*values, strict=True))
            for column, values in of_job.items()
        }
        cells = " | ".join(f"{medians[column][0]:.2f} / {medians[column][1]:.2f}" for column in columns)
        ratios = ", ".join(
            f"{medians[name, threads][0] / medians[first, threads][0]:.2f}"
            for name, threads in columns
            if name != first
        )
        print(f"| {job} | {cells} | {ratios} |")


if __name__ == "__main__":
    main()
