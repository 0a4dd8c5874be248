"""Frames a second of a film, rendered and encoded in step, and of each alone.

    python benchmarks/bench_video.py RUN [--what rgb segments] [--sizes 640x480 1280x720] [--frames 96] [--threads 2]
                                     [--beside NAME=TREE ...] [--repeats 1]

A row: what, size, wall and processor milliseconds a frame of the whole job (`render_film`, painted and encoded as AV1),
frames a second, kB a frame; medians of the repeats. With --beside the same films are made by the code of other trees,
in turns, each in a process of its own.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch

from splatseg.jobs.film import cameras_of_film
from splatseg.jobs.requests import Film
from splatseg.render.film.video import write_video
from splatseg.render.painter import Look, painter_of
from splatseg.run.folder import open_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--what", nargs="+", default=["rgb", "segments", "overlay", "features", "depth"])
    parser.add_argument("--sizes", nargs="+", default=["640x480", "1280x720"])
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    run = open_run(args.run)
    splats = run.splats()
    print(f"{len(splats)} Gaussians, {args.threads} threads, {args.frames} frames of an orbit")
    print("| what | size | paint ms | encode ms | frames/s | kB/frame |\n|---|---|---:|---:|---:|---:|")
    for what in args.what:
        for size in args.sizes:
            width, height = (int(side) for side in size.split("x"))
            film = Film("orbit", seconds=args.frames / 30, size=(width, height))
            cameras = cameras_of_film(run, splats, film)
            paint = painter_of(splats, what, cameras, Look(run.settings.train.background, run.segment_colors()))
            paint(cameras[0])
            began = time.perf_counter()
            frames = [paint(camera) for camera in cameras]
            painted = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "film.mp4"
                write_video(path, frames, film.fps, "av1")
                written = time.perf_counter()
                kilobytes = path.stat().st_size / 1e3
            count = len(frames)
            print(
                f"| {what} | {size} | {1e3 * (painted - began) / count:.0f} | {1e3 * (written - painted) / count:.0f} "
                f"| {count / (written - began):.1f} | {kilobytes / count:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
