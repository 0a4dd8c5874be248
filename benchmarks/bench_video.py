"""Frames a second of a film, painted and encoded at once, and what painting and encoding a frame take.

    python benchmarks/bench_video.py RUN [--what rgb segments] [--sizes 640x480 1280x720] [--frames 96] [--threads 2]
                                     [--only-paint]

A row: what, size, milliseconds of one thread of the processor to paint a frame and to encode it as AV1, frames a second
if these were all that the threads had to do (threads / their sum), frames a second by the clock, kB a frame.
With --only-paint nothing is encoded, and a row ends with the milliseconds to paint; so it also runs with the code of an
earlier commit, PYTHONPATH=TREE. `bench_pictures.py` makes films beside those of another checkout.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.jobs.film import cameras_of_film
from splatseg.render.film.video import write_video
from splatseg.render.painter import Look, Painter, painter_of
from splatseg.requests.filming import Film
from splatseg.run.folder import open_run

if TYPE_CHECKING:
    from splatseg.machine.threads import Workers


def main() -> None:
    """Make the films and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--what", nargs="+", default=["rgb", "segments", "overlay", "features", "depth"])
    parser.add_argument("--sizes", nargs="+", default=["640x480", "1280x720"])
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only-paint", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    run = open_run(args.run)
    splats = run.splats()
    print(f"{len(splats)} Gaussians, {args.threads} threads, {args.frames} frames of an orbit")
    print("| what | size | paint ms | encode ms | frames/s of the processor | by the clock | kB/frame |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for what in args.what:
        for size in args.sizes:
            width, height = (int(side) for side in size.split("x"))
            film = Film("orbit", seconds=args.frames / 30, size=(width, height))
            cameras = cameras_of_film(run, splats, film)
            paint = painter_of(splats, what, cameras, Look(run.settings.train.background, run.segment_colors()))
            paint(cameras[0])
            if args.only_paint:
                began = time.process_time()
                for camera in cameras:
                    paint(camera)
                print(f"| {what} | {size} | {1e3 * (time.process_time() - began) / len(cameras):.0f} |", flush=True)
                continue
            painting, whole, clock, kilobytes = timed(paint, cameras, film.fps)
            count = len(cameras)
            print(
                f"| {what} | {size} | {1e3 * painting / count:.0f} | {1e3 * (whole - painting) / count:.0f} "
                f"| {args.threads * count / whole:.1f} | {count / clock:.1f} | {kilobytes / count:.1f} |",
                flush=True,
            )


def timed(paint: Painter, cameras: tuple[Camera, ...], fps: float) -> tuple[float, float, float, float]:
    """Make a film; return the processor's seconds for painting and for all, the clock's for all, and kilobytes."""
    from splatseg.machine.threads import Workers  # noqa: PLC0415 (an earlier commit has none)

    seconds: list[float] = []

    def painted(camera: Camera) -> np.ndarray:
        began = time.thread_time()
        frame = paint(camera)
        seconds.append(time.thread_time() - began)
        return frame

    def frames(workers: Workers) -> Iterator[np.ndarray]:
        yield from workers.in_order(painted, cameras)

    with tempfile.TemporaryDirectory() as folder, Workers() as workers:
        path = Path(folder) / "film.mp4"
        clock, processor = time.perf_counter(), time.process_time()
        write_video(path, frames(workers), fps, "av1", workers)
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
        return sum(seconds), processor, clock, path.stat().st_size / 1e3


if __name__ == "__main__":
    main()
