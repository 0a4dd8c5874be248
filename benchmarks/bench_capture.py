"""The whole job on a capture, with its figures as one JSON object.

    python benchmarks/bench_capture.py CAPTURE -o RUN --masks DIR --gt DIR [--method contrast|paper] [--iterations N]

Fits, segments and evaluates as `splatseg train` and `splatseg evaluate` do; a run that is there is resumed, and a
finished one only evaluated anew. Times are wall seconds of each part, as the run recorded them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

import torch

from splatseg import CaptureSettings, RunSettings, evaluate_run, start_run, train_run
from splatseg.cli.console import Terminal
from splatseg.report.run_report import timings


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--gt", type=Path, help="instance label maps, one for every view")
    parser.add_argument("--ignore", type=int, help="the id in them that means unknown")
    parser.add_argument("--method", choices=["lift", "contrast", "paper"], default="lift")
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--downscale", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    settings = RunSettings.of(
        CaptureSettings(str(given.capture.absolute()), downscale=given.downscale),
        masks=str(given.masks.absolute()) if given.masks else None,
        method=given.method,
        iterations=given.iterations,
        seed=given.seed,
    )
    terminal = Terminal()
    run = start_run(given.output, settings, resume=True)
    train_run(run, terminal)
    facts: dict[str, object] = {"capture": given.capture.name, "method": given.method, "gaussians": len(run.splats())}
    facts |= {"iterations": settings.train.iterations, "seconds": timings(run)}
    facts |= {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    facts["threads"] = torch.get_num_threads()
    if given.gt:
        result = evaluate_run(run, given.gt, ignore=given.ignore, reporter=terminal)
        terminal.messages.print(result.table())
        facts |= result.means()
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
