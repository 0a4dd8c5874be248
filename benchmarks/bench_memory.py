"""The most memory that a fit holds, part by part: a short fit by the default schedule with many Gaussians.

    python benchmarks/bench_memory.py CAPTURE --splats SPLAT [--gaussians 1000000] [--photographs 200] [--threads 2]
                                      [--steps 220] [--json]

The fit begins with 24 of 25 Gaussians, copies of those of SPLAT beside one another, and one round of growth
adds the rest. The photographs are those of CAPTURE, repeated until there are enough; each is decoded when its step
comes. A checkpoint is written near the end. Numbers are MB of the process, the most in each part (Linux only).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import tempfile
import time
from pathlib import Path

import torch
from process_memory import memory

from splatseg.capture.capture import Capture, load_capture
from splatseg.formats.read import load_splats
from splatseg.splats.splats import Splats
from splatseg.train.fit import fit_splats
from splatseg.train.settings import TrainSettings
from splatseg.train.task import StepReport


class Parts:
    """Most memory by part, MB."""

    def __init__(self) -> None:
        self.peaks: dict[str, float] = {}

    def end(self, part: str) -> None:
        """Add what the process has held since the last call to a part, and begin anew."""
        peak = memory()["VmHWM"] / 1024e3  # MB are 1,000 of the system's kB, as in the rows of RESULTS.md
        self.peaks[part] = round(max(self.peaks.get(part, 0.0), peak))
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def with_photographs(capture: Capture, count: int) -> Capture:
    """The capture with `count` training views: those that it has, under further names."""
    views = capture.split("train")
    many = [dataclasses.replace(views[index % len(views)], name=f"{index:04d}.png") for index in range(count)]
    return dataclasses.replace(capture, views=tuple(many), test_names=frozenset())


def beginning(path: Path, count: int) -> Splats:
    """`count` Gaussians without harmonics, as fits begin."""
    read, _ = load_splats(path)
    splats = read.subset(torch.arange(count) % len(read))
    offsets = torch.randn(count, 3, generator=torch.Generator().manual_seed(0)) * splats.scales
    shrink = math.log(len(read) / count) / 2  # surfaces: their area stays the same
    splats = splats.replace(means=splats.means + offsets, log_scales=splats.log_scales + shrink)
    return splats.replace(shN=torch.zeros(count, 0, 3), features=None, segment_ids=None)


def fit(args: argparse.Namespace, parts: Parts) -> int:
    """Run the fit and return the number of Gaussians at its end."""
    capture = with_photographs(load_capture(args.capture), args.photographs)
    settings = dataclasses.replace(
        TrainSettings().scaled(args.steps), max_gaussians=args.gaussians, checkpoint_every=args.steps - 5
    )
    parts.end("capture")
    saved = False
    pixels = capture.views[0].camera.width * capture.views[0].camera.height

    def on_step(report: StepReport) -> None:
        nonlocal saved
        step = report.step - 1
        size = "half" if settings.coarse_at(step, pixels) else "full"
        part = f"steps, degree {settings.sh_degree_at(step)}, {size} size"
        if settings.densifies_after(report.step):
            part = "step with a round of growth"
        if saved:
            part = "checkpoint and the step after it"
        saved = report.step % settings.checkpoint_every == 0
        parts.end(part)

    with tempfile.TemporaryDirectory() as folder:
        settings = dataclasses.replace(settings, report_every=1)
        start = [beginning(args.splats, args.gaussians * 24 // 25)]
        parts.end("Gaussians to begin with")
        splats = fit_splats(capture, settings, start=start.pop(), on_step=on_step, checkpoints=Path(folder))
    parts.end("the result")
    return len(splats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--splats", type=Path, required=True)
    parser.add_argument("--gaussians", type=int, default=1_000_000)
    parser.add_argument("--photographs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=220)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    parts = Parts()
    parts.end("imports")
    wall, processor = time.perf_counter(), time.process_time()
    count = fit(args, parts)
    facts = {
        "gaussians": count,
        "seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - processor, 1),
        "peak_mb": max(parts.peaks.values()),
    }
    if args.json:
        print(json.dumps({"parts_mb": parts.peaks, **facts}))
        return
    for part, peak in parts.peaks.items():
        print(f"{part:40}{peak:8.0f} MB")
    print(facts)


if __name__ == "__main__":
    main()
