"""Seconds and memory of reading, writing and sorting a splat in blocks, beside those of reading it whole.

    python benchmarks/bench_blocks_io.py --splats RUN/splats.ply --work DIR --gaussians 5000000 [--stages open sort ...]

The file is the splat's geometry and colours, repeated and displaced as in bench_scale.py, written block by block into
--work (kept there). Every stage runs in a process of its own, so that its peaks are its own: `resident` is all that the
process holds of memory (ru_maxrss, mapped pages of the file among it), `anonymous` what only it holds and a system
under pressure cannot take back (RssAnon, looked at every 5 ms). "start" is Python with torch alone.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from process_memory import memory

from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.sorting import disorder, sorted_blocks
from splatseg.formats.parts.writing import write_blocks, write_parts
from splatseg.formats.read import load_splats
from splatseg.jobs.info import describe
from splatseg.splats.blocks import ROWS_A_BLOCK, each_block
from splatseg.splats.splats import Splats

SOURCE = "source.ply"


def repeated_blocks(splats: Splats, count: int) -> Iterator[Splats]:
    """Yield `count` Gaussians that show what a splat shows, in blocks (see bench_scale.repeated)."""
    generator = torch.Generator().manual_seed(0)
    shrink = float(np.log(len(splats) / count) / 2)
    for begin in range(0, count, ROWS_A_BLOCK):
        many = splats.subset(torch.arange(begin, min(begin + ROWS_A_BLOCK, count)) % len(splats))
        offsets = torch.randn(len(many), 3, generator=generator) * many.scales
        yield many.replace(means=many.means + offsets, log_scales=many.log_scales + shrink)


def passed(blocks: Iterator[Splats]) -> int:
    """Read all blocks and return the number of Gaussians."""
    return sum(len(block) for block in blocks)


def _sorted(work: Path) -> str:
    blocks = open_blocks(work / SOURCE)
    done = sorted_blocks(blocks, work / "sorted.ply")
    return f"disorder {disorder(blocks):.2f} before, {disorder(done):.2f} after"


def _write(work: Path) -> None:
    blocks = open_blocks(work / SOURCE)
    write_blocks(work / "again.ply", each_block(blocks), len(blocks))
    assert (work / "again.ply").stat().st_size == (work / SOURCE).stat().st_size


def _parts(work: Path) -> None:
    blocks = open_blocks(work / SOURCE)
    write_parts(work / "parts", each_block(blocks), len(blocks), -(-len(blocks) // 8))


STAGES: dict[str, Callable[[Path], object]] = {
    "start": lambda work: None,
    "whole": lambda work: load_splats(work / SOURCE)[0],
    "open": lambda work: open_blocks(work / SOURCE),
    "read": lambda work: passed(each_block(open_blocks(work / SOURCE))),
    "geometry": lambda work: passed(each_block(open_blocks(work / SOURCE), "geometry")),
    "info": lambda work: describe(work / SOURCE)["bounds"],
    "write": _write,
    "parts": _parts,
    "sort": _sorted,
}
"""Stages by name. All but "whole" open the file first."""


class Peak:
    """Largest anonymous memory of this process, MB, while the block runs."""

    def __enter__(self) -> Peak:
        self.anonymous, self._ended = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.005):
            self.anonymous = max(self.anonymous, memory()["RssAnon"] / 1024**2)


def run_stage(name: str, work: Path) -> None:
    """Run one stage and print its row."""
    with Peak() as peak:
        began = time.perf_counter()
        result = STAGES[name](work)
        seconds = time.perf_counter() - began
        time.sleep(0.02)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = result if isinstance(result, str) else ""
    print(
        f"{name:10}{seconds:9.1f} s  resident {resident:8.0f} MB  anonymous {peak.anonymous:8.0f} MB  {told}",
        flush=True,
    )


def main() -> None:
    """Print a row a stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splats", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="where files of the size of the splat are kept")
    parser.add_argument("--gaussians", type=int, default=5_000_000)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.stage:
        run_stage(args.stage, args.work)
        return
    source = args.work / SOURCE
    if not source.exists():
        splats = load_splats(args.splats)[0].plain()
        write_blocks(source, repeated_blocks(splats, args.gaussians), args.gaussians)
    print(f"{source.stat().st_size / 1e9:.2f} GB", flush=True)
    for stage in args.stages:
        subprocess.run([sys.executable, *sys.argv, "--stage", stage], check=True)


if __name__ == "__main__":
    main()
