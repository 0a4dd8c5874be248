"""Cleaning: held-out PSNR before and after at some strengths, and the time for a scene of a million Gaussians.

    python benchmarks/bench_clean.py RUN ... [--strengths 0 0.5 1] [--tiled 1000000] [--pictures DIR]

A run is cleaned twice: with the views of its fit, and as a plain file, without any view. PSNR is of the held-out views;
"worst" is the largest loss of one of them. Sizes are sides of the box around everything (`splats.box`), and of the box
without quantiles that the outermost Gaussians make. Times are of the whole command on copies side by side of the run's
Gaussians (without features): reading, evidence, judgement, writing; wall and processor's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from splatseg.clean.evidence import gather_evidence, rendered_of
from splatseg.clean.judge import held_by_segments, judge
from splatseg.clean.reasons import WORDS, count_by_reason
from splatseg.evaluate.images import psnr
from splatseg.files import write_png
from splatseg.formats.read import load_splats
from splatseg.formats.write import write_splats
from splatseg.machine.threads import in_order
from splatseg.render.overlays import side_by_side
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.run.folder import Run, open_run
from splatseg.segments.segments_json import read_segments
from splatseg.splats.box import quantile_box
from splatseg.splats.splats import Splats


def held_out(run: Run, splats: Splats) -> tuple[np.ndarray, list[np.ndarray]]:
    """PSNR (dB) and pictures of the held-out views."""
    views, background = run.capture.split("test"), run.settings.train.background
    pictures = list(in_order(lambda view: to_uint8(render_rgb(splats, view.camera, background)), views))
    scores = [psnr(picture, view.image(), view.ignored()) for picture, view in zip(pictures, views, strict=True)]
    return np.array(scores), pictures


def accuracy(run: Run, strengths: list[float], folder: Path | None) -> Iterator[str]:
    """A line for every strength, with views and without."""
    splats = run.splats()
    rows = read_segments(run.segments_path) if run.segments_path.exists() else ()
    ids = np.zeros(len(splats), np.int32) if splats.segment_ids is None else splats.segment_ids.numpy()
    held = held_by_segments(splats.own_positions, ids, rows)
    before, pictures = held_out(run, splats)
    yield f"{run.path.name}: {len(splats):,} Gaussians, held-out PSNR {before.mean():.2f} dB, box {_sizes(splats)}"
    cameras = [view.camera for view in run.capture.split("train")]
    for name, evidence in (("run", gather_evidence(splats, cameras)), ("file", gather_evidence(splats))):
        for strength in strengths:
            judgement = judge(evidence, strength, held if name == "run" else None)
            kept = splats.subset(~judgement.gone)
            after, cleaned = held_out(run, kept)
            counts = ", ".join(f"{WORDS[reason]} {n:,}" for reason, n in count_by_reason(judgement.reasons).items())
            change = after - before
            yield (
                f"  {name:<4} {strength:4.2f}  removed {judgement.gone.mean():6.2%}  PSNR {change.mean():+.3f} dB, "
                f"worst {change.min():+.3f}  box {_sizes(kept)}  {counts}"
            )
            if folder is not None and name == "run":
                view = int(np.abs(change).argmax())
                write_png(folder / f"{run.path.name}_{strength:g}.png", side_by_side([pictures[view], cleaned[view]]))


def _sizes(splats: Splats) -> str:
    low, high = quantile_box(splats.own_positions)
    outermost = np.ptp(splats.own_positions, axis=0)
    return " x ".join(f"{side:.3g}" for side in high - low) + f" (outermost {outermost.max():.4g})"


def tiled(splats: Splats, count: int) -> Splats:
    """`count` Gaussians: copies side by side, each displaced inside its original's extent and shrunk."""
    rows = torch.arange(count) % len(splats)
    generator = torch.Generator().manual_seed(0)
    copies = splats.plain().subset(rows)
    shrink = min(1.0, len(splats) / count) ** (1 / 3)
    means = copies.means + torch.randn(count, 3, generator=generator) * copies.scales
    return copies.replace(means=means, log_scales=copies.log_scales + float(np.log(shrink)))


@contextmanager
def _timed(name: str) -> Iterator[None]:
    wall, processor = time.monotonic(), time.process_time()
    yield
    print(
        f"  {name:<22} {time.monotonic() - wall:6.2f} s, processor {time.process_time() - processor:6.2f} s", flush=True
    )


def times(run: Run, count: int) -> None:
    """Print the times of the steps of cleaning `count` Gaussians."""
    cameras = [view.camera for view in run.capture.split("train")]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "a.ply", Path(folder) / "b.ply"
        write_splats(source, tiled(run.splats(), count))
        views = len(rendered_of(cameras, count))
        print(
            f"{run.path.name}, {count:,} Gaussians, {views} of {len(cameras)} views, {torch.get_num_threads()} threads"
        )
        with _timed("all"):
            with _timed("reading"):
                splats = load_splats(source)[0]
            with _timed("evidence of the views"):
                evidence = gather_evidence(splats, cameras)
            with _timed("judgement"):
                kept = ~judge(evidence).gone
            with _timed("writing"):
                write_splats(target, splats.subset(kept))
        with _timed("evidence of a file"):
            gather_evidence(splats)


def main() -> None:
    """Print the figures of every run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--strengths", type=float, nargs="*", default=[0.0, 0.5, 1.0])
    parser.add_argument("--tiled", type=int)
    parser.add_argument("--pictures", type=Path)
    args = parser.parse_args()
    for path in args.runs:
        run = open_run(path)
        if args.strengths:
            for line in accuracy(run, args.strengths, args.pictures):
                print(line, flush=True)
        if args.tiled:
            times(run, args.tiled)


if __name__ == "__main__":
    main()
