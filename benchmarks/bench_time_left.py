"""Compare the time that a fit says is left with the time that it then takes.

    python benchmarks/bench_time_left.py CAPTURE [--iterations 1500] [--downscale 1] [--max-gaussians 100000]
        [--threads 1]

By processor time, so that other programs do not count. `linear` is the estimate as if all steps took as long.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import torch

from splatseg.capture.capture import load_capture
from splatseg.train.fit import fit_splats
from splatseg.train.settings import TrainSettings
from splatseg.train.time_left import TimeLeft


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--iterations", type=int, default=1_500)
    parser.add_argument("--downscale", type=int, default=1)
    parser.add_argument("--max-gaussians", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    capture = load_capture(args.capture, args.downscale)
    settings = dataclasses.replace(TrainSettings().scaled(args.iterations), max_gaussians=args.max_gaussians)
    reports: list[tuple[int, float, int]] = []
    fit_splats(
        capture,
        settings,
        on_step=lambda report: reports.append((report.step, report.seconds, report.count)),
        clock=time.process_time,
    )
    sizes = [view.camera.width * view.camera.height for view in capture.split("train")]
    estimator, end = TimeLeft(settings, float(np.mean(sizes))), reports[-1][1]
    told, linear = [], []
    print("step  Gaussians  left, s  told, s  linear, s")
    for done in range(2, len(reports) - 1):
        step, seconds, count = reports[done - 1]
        left, found = end - seconds, estimator.seconds(reports[:done]) or 0.0
        even = seconds / step * (settings.iterations - step)
        told.append(found / left)
        linear.append(even / left)
        if done % max(1, len(reports) // 12) == 0:
            print(f"{step:>4}  {count:>9,}  {left:>7.1f}  {found:>7.1f}  {even:>9.1f}")
    for name, ratios in (("told", told), ("linear", linear)):
        off = np.abs(np.log(ratios))
        print(f"{name}: off by a factor of {np.exp(off.max()):.2f} at most, {np.exp(off.mean()):.2f} on average")


if __name__ == "__main__":
    main()
