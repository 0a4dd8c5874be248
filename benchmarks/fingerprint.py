"""Hash every file that the main job writes, so that two commits can be compared bit for bit.

    python benchmarks/fingerprint.py --splatseg .venv/bin/splatseg -o FOLDER --json before.json
    python benchmarks/fingerprint.py --splatseg OTHER/bin/splatseg -o FOLDER2 --json after.json --compare before.json

Runs the demo (seed 0) with one thread and with two, and on the latter `select`, `refine`, `segment --granularity`,
`render` and every export; hashes are SHA-256. Files that hold times or paths (metrics.jsonl, config.yaml, report.html,
evaluation.json's seconds) differ between two runs of one commit too and are listed apart.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

TIMED = ("metrics.jsonl", "config.yaml", "report.html", ".usdz", ".usdc")
"""Endings of files that differ between two runs of one commit: they hold times, paths, or a library's own stamp."""

SUFFIXES = ("ply", "compressed.ply", "splat", "spz", "sog", "glb", "usda", "json")


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and arguments of every command on the demo run `folder`/demo2."""
    run, out = str(folder / "demo2"), folder / "outputs"
    click = ["--view", "012.jpg", "--click", "155,102"]
    yield "select", ["select", run, *click, "-o", str(out / "select")]
    yield "select, grown", ["select", run, *click, "--grow", "1", "-o", str(out / "select-grown")]
    yield (
        "select, several",
        [
            "select",
            run,
            "--click",
            "012.jpg:155,102",
            "--not-click",
            "040.jpg:47,38",
            "-o",
            str(out / "select-several"),
        ],
    )
    yield "select, box", ["select", run, "--box", "012.jpg:120,80,190,140", "-o", str(out / "select-box")]
    yield "refine", ["refine", run, "-o", str(out / "refined")]
    for what in ("rgb", "features", "segments", "overlay", "masks", "depth"):
        yield f"render {what}", ["render", run, "--what", what, "-o", str(out / f"render-{what}")]
    yield (
        "render, smooth label maps",
        ["render", run, "--what", "segments", "--antialias", "-o", str(out / "render-antialias")],
    )
    film = ["--path", "orbit", "--seconds", "0.5", "--size", "160x120", "--codec", "av1"]
    yield "film", ["render", run, "--what", "overlay", *film, "-o", str(out / "orbit.mp4")]
    for suffix in SUFFIXES:
        yield f"export .{suffix}", ["export", run, "-o", str(out / f"export.{suffix}")]
    yield "export --plain", ["export", run, "--plain", "-o", str(out / "plain.ply")]
    yield "export --each", ["export", run, "--each", "--rest", "-o", str(out / "each")]
    yield "export --segment", ["export", run, "--segment", "1", "2", "-o", str(out / "two.ply")]
    yield "export --layout", ["export", run, "--layout", "inria", "-o", str(out / "inria")]


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path relative to it."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(splatseg: str, arguments: list[str], threads: int) -> None:
    """Run a command with so many threads. Raises CalledProcessError if it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run([splatseg, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)


def main() -> None:
    """Make all files, hash them, and compare them with an earlier commit's."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--splatseg", required=True, help="the command of the commit to fingerprint")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a new folder for all files")
    parser.add_argument("--json", type=Path, required=True, help="where to write the hashes")
    parser.add_argument("--compare", type=Path, help="hashes of another commit")
    options = parser.parse_args()
    for threads in (1, 2):
        run(options.splatseg, ["demo", "-o", str(options.output / f"demo{threads}")], threads)
    for name, arguments in commands(options.output):
        print(name, flush=True)
        run(options.splatseg, arguments, 2)
    # Last, since it changes the run.
    run(options.splatseg, ["segment", str(options.output / "demo2"), "--granularity", "0.2"], 2)
    run(options.splatseg, ["export", str(options.output / "demo2"), "-o", str(options.output / "fine.ply")], 2)
    found = hashes(options.output)
    options.json.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{len(found)} files")
    if options.compare:
        compare(json.loads(options.compare.read_text()), found)


def compare(before: dict[str, str], after: dict[str, str]) -> None:
    """Print the files that differ, those with times and paths apart."""
    differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    timed = [name for name in differing if name.endswith(TIMED)]
    print(f"{len(before.keys() & after.keys()) - len(differing)} files are equal")
    print(f"with times or paths, different: {', '.join(timed) or 'none'}")
    print(f"other files, different: {', '.join(name for name in differing if name not in timed) or 'none'}")


if __name__ == "__main__":
    main()
