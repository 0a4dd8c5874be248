"""Seconds and silhouettes of the meshes of a run's things: does a mesh render like the splat it was made of?

    python benchmarks/bench_mesh.py RUN [--most 40] [--largest 0.25]

A thing is a segment whose box is no longer than `--largest` of the diagonal of the cameras' box. For each: seconds by
the clock and of the processors to make its mesh, faces, and the IoU of its silhouette with the splat's mask (alpha >
0.5, the object alone) in 13 views from all around, none of them one of the fusion's, and in the capture's held-out
views at four times their resolution.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

import splatseg
from splatseg.cameras.camera import Camera
from splatseg.mesh.around import camera_from, directions, in_own_world, places_of
from splatseg.mesh.build import mesh_of_splats
from splatseg.mesh.mesh import Mesh
from splatseg.render.rgb import render_channels

VIEWS, SIZE, DISTANCE = 13, 256, 6.0
"""Views around a thing that are not of the fusion: other directions, another distance."""

SAMPLES = 4
"""Samples along a pixel's side of a mesh's silhouette."""


def silhouette(mesh: Mesh, camera: Camera) -> np.ndarray:
    """Return the pixels (H,W) bool that a mesh covers by more than half."""
    picture = Image.new("1", (camera.width * SAMPLES, camera.height * SAMPLES))
    draw = ImageDraw.Draw(picture)
    pixels, _ = camera.project(mesh.vertices)
    for triangle in (pixels * SAMPLES - 0.5)[mesh.faces].reshape(-1, 6).tolist():
        draw.polygon(triangle, fill=1, outline=1)
    fine = np.array(picture).reshape(camera.height, SAMPLES, camera.width, SAMPLES)
    return fine.mean((1, 3)) > 0.5


def overlap(splats: splatseg.Splats, mesh: Mesh, camera: Camera) -> float:
    """Return the IoU of both silhouettes in a view; NaN if neither is in it."""
    with torch.no_grad():
        seen = render_channels(splats, camera, torch.ones(len(splats), 1))[..., 0].numpy() > 0.5
    drawn = silhouette(mesh, camera)
    union = int((seen | drawn).sum())
    return float((seen & drawn).sum()) / union if union else float("nan")


def main() -> None:
    """Print a row for each thing, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--most", type=int, default=40, help="things measured, the largest first")
    parser.add_argument("--largest", type=float, default=0.25)
    options = parser.parse_args()
    with splatseg.open(options.run) as scene:
        assert scene.run is not None
        fitted, held_out = scene.run.capture.split("train"), scene.run.capture.split("test")
        seen_from = places_of([view.camera for view in fitted], scene.splats.coordinates)
        assert seen_from is not None
        diagonal = float(np.linalg.norm(np.ptp(seen_from, axis=0)))
        things = [row for row in scene.segments.rows() if np.linalg.norm(row.size) < options.largest * diagonal]
        turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
        rows = []
        print(f"{'thing':24} Gaussians  seconds  of CPU    faces  closed  around  least  held out")
        for row in things[: options.most]:
            splats = scene.segment(row.id).splats
            began, worked = time.perf_counter(), time.process_time()
            try:
                mesh = mesh_of_splats(splats, seen_from)
            except splatseg.SplatsegError as error:
                print(f"{row.name:24} {error}")
                continue
            seconds, work = time.perf_counter() - began, time.process_time() - worked
            object_ = in_own_world(splats)[0]
            inner = Mesh(object_.coordinates.inwards(mesh.vertices), mesh.faces, mesh.colors)
            around = [overlap(object_, inner, camera_from(turn @ d, SIZE, DISTANCE)) for d in directions(VIEWS)]
            to = [
                object_.coordinates.camera_inwards(scene.splats.coordinates.camera_outwards(v.camera)) for v in held_out
            ]
            kept = [overlap(object_, inner, camera.scaled(4.0)) for camera in to]
            rows.append((seconds, work, np.nanmean(around), np.nanmin(around), np.nanmean(kept)))
            print(
                f"{row.name:24} {row.count:9,} {seconds:8.1f} {work:7.1f} {len(mesh.faces):8,}"
                f" {mesh.is_watertight!s:>7}"
                f" {rows[-1][2]:7.3f} {rows[-1][3]:6.3f} {rows[-1][4]:9.3f}",
                flush=True,
            )
    seconds, work, around, _, kept = np.array(rows).T
    print(
        f"{len(rows)} things: {seconds.mean():.1f} s a mesh (most {seconds.max():.1f}), {work.mean():.1f} s of "
        f"the processors (most {work.max():.1f}); IoU around {around.mean():.3f} "
        f"(median {np.median(around):.3f}, {int((around >= 0.95).sum())} of 0.95 or more), held out {kept.mean():.3f}"
    )


if __name__ == "__main__":
    main()
