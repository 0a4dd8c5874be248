"""Times of selecting by regions in the viewer: a stroke, a move of the pointer, colour, ranges, flood, Grow.

    python benchmarks/bench_regions.py --splats composed_14.splat [--gaussians 1000000] [--objects 80] [--width 1280]
        [--height 720] [--repeats 15] [--threads 2] [--json]
    python benchmarks/bench_regions.py --run RUN [--accuracy]

The scene is the splat's Gaussians repeated until there are --gaussians, as in bench_scale.py, with the cells around
random ones as segments; the camera is the first of a ring. Every time is milliseconds, the least and the median of
--repeats. A stroke is from the message of the page to the changed selection, in a picture that was drawn: what a
stroke needs of a picture is prepared when that rests ("look", once a picture). A move of the pointer is from the
message to what is sent back, in a picture over which it has moved before; "first" renders the label map.

--accuracy, with a run: outlines of the segments in views between, drawn as lassos. Of the Gaussians taken, the share
that is the segment's (precision); of the segment's, front and back, the share taken (recall); of the segment's pixels,
the share that still shows it when the Gaussians taken are hidden (left). The mean of segments.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bench_lift import ring_views
from bench_scale import repeated
from harness import conditions
from scipy.spatial import cKDTree

from splatseg.cameras.camera import Camera
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.formats.read import load_splats
from splatseg.regions.drawn import brush_pixels, lasso_pixels
from splatseg.scene.scene import Scene
from splatseg.scene.table import table_of_file
from splatseg.select.session import Session
from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.page.hovering import Hover
from splatseg.viewer.shown_scene import ShownScene, open_shown
from splatseg.viewer.workspace.region_tools import RegionTools
from splatseg.viewer.workspace.workspace import Workspace

RADIUS = 24.0
"""Pixels."""

LARGEST = 0.15
"""Share of the picture above which a segment is left out of --accuracy: it is floor or wall."""


def milliseconds(repeats: int, work: Callable[[int], object]) -> dict[str, float]:
    """The least and the median of a piece of work, given the number of the turn; the first turn does not count."""
    times = []
    for turn in range(repeats + 1):
        began = time.perf_counter()
        work(turn)
        times.append(1e3 * (time.perf_counter() - began))
    return {"min": round(min(times[1:]), 1), "median": round(float(np.median(times[1:])), 1)}


def made(args: argparse.Namespace) -> tuple[ShownScene, Camera]:
    """The splat repeated, with cells as segments and neighbours in pairs as groups."""
    shown, _ = load_splats(args.splats)
    splats = repeated(shown, args.gaussians)
    means = shown.means.numpy()
    seeds = means[np.random.default_rng(0).choice(len(means), args.objects, replace=False)]
    ids = cKDTree(seeds).query(splats.means.numpy(), workers=args.threads)[1].astype(np.int32) + 1
    pairs = np.arange(1, args.objects + 1 - args.objects % 2, dtype=np.int32).reshape(-1, 2)
    hierarchy = Hierarchy(ids, pairs, np.full(len(pairs), 0.6, dtype=np.float32))
    splats = splats.replace(segment_ids=torch.from_numpy(ids))
    scene = ShownScene(splats, "made", table_of_file(splats), hierarchy=hierarchy)
    return scene, ring_views(shown, 12, args.width, args.height)[0].camera


def opened(args: argparse.Namespace) -> tuple[ShownScene, Camera]:
    scene = open_shown(args.run)
    camera = scene.views[len(scene.views) // 2].camera
    return scene, camera.scaled(args.width / camera.width)


def strokes(camera: Camera, turn: int) -> tuple[np.ndarray, np.ndarray]:
    """A lasso and a stroke of a brush, elsewhere in every turn: points (P,2) in pixels."""
    angles = np.linspace(0.0, 2.0 * np.pi, 160, endpoint=False)
    middle = np.array([0.35 + 0.3 * (turn % 7) / 6, 0.5]) * (camera.width, camera.height)
    lasso = middle + 0.2 * camera.height * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    along = np.linspace(-1.0, 1.0, 100)[:, None]
    brush = middle + along * (0.15 * camera.width, 0.1 * camera.height) + 8.0 * np.sin(9.0 * along)
    return lasso, brush


def timed(scene: ShownScene, camera: Camera, args: argparse.Namespace) -> dict[str, object]:
    workspace = Workspace(scene)
    tools, hover = RegionTools(workspace), Hover(workspace)
    width, height = camera.width, camera.height
    picture(workspace, camera)

    def lasso(takes: str) -> Callable[[int], object]:
        return lambda turn: tools.drawn(camera, lasso_pixels(strokes(camera, turn)[0], width, height), takes)  # type: ignore[arg-type]

    def brush(turn: int) -> None:
        tools.drawn(camera, brush_pixels(strokes(camera, turn)[1], RADIUS, width, height), "visible", "add")

    def drawn(turn: int) -> None:
        lasso("visible")(turn)
        picture(workspace, camera)

    def look(_: int) -> None:
        RegionTools(workspace).look(camera)

    def first(_: int) -> None:
        Hover(workspace).at(camera, (0.5, 0.5))

    def move(turn: int) -> None:
        hover.at(camera, (0.2 + 0.6 * (turn % 31) / 30, 0.3 + 0.4 * (turn % 13) / 12))

    def ranges(turn: int) -> None:
        tools.between((0.1, 1.0 - 0.01 * turn), (0.0, np.inf))

    facts: dict[str, object] = {"look, once a picture": milliseconds(args.repeats, look)}
    tools.look(camera)
    facts["lasso, what is visible"] = milliseconds(args.repeats, lasso("visible"))
    facts["lasso, through everything"] = milliseconds(args.repeats, lasso("everything"))
    facts["lasso and picture"] = milliseconds(args.repeats, drawn)
    facts["brush, what is visible"] = milliseconds(args.repeats, brush)
    facts["pointer, first"] = milliseconds(args.repeats, first)
    for turn in range(31 * 13):
        move(turn)
    facts["pointer, a move"] = milliseconds(args.repeats, move)
    facts["colour at a pixel"] = milliseconds(args.repeats, lambda _: tools.alike(camera, (width / 2, height / 2), 0.1))
    facts["range of opacity"] = milliseconds(args.repeats, ranges)
    began = time.perf_counter()
    _ = scene.regions.touching
    facts["touching, once a splat"] = round(1e3 * (time.perf_counter() - began), 1)
    lasso("visible")(0)
    members = workspace.members
    facts["flood by colour"] = milliseconds(3, lambda _: scene.regions.flooded(members, tolerance=0.05))
    facts["what Grow and Shrink do"] = milliseconds(args.repeats, lambda _: workspace.next_steps())
    return facts


def accuracy(scene: Scene, visible: bool) -> dict[str, float]:
    """Precision, recall and what is left of outlines drawn as lassos."""
    ids, found = scene.segments.ids, []
    for view in scene.views[:: max(len(scene.views) // 4, 1)][1:4]:
        labels = scene.label_map(view)
        sizes = np.bincount(labels.ravel())
        for identity in np.flatnonzero((sizes > 100) & (sizes < LARGEST * labels.size)).tolist():
            if identity == 0:
                continue
            region, own = labels == identity, ids == identity
            taken = scene.region(view, region, visible=visible).members
            left = Session(scene.splats).without(taken).mask(view.camera, own) & region
            shared = (taken & own).sum()
            found.append((shared / max(taken.sum(), 1), shared / own.sum(), left.sum() / region.sum()))
    means = np.mean(found, axis=0)
    return {name: round(float(each), 3) for name, each in zip(("precision", "recall", "left"), means, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--splats", type=Path)
    source.add_argument("--run", type=Path)
    parser.add_argument("--gaussians", type=int, default=1_000_000)
    parser.add_argument("--objects", type=int, default=80)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--accuracy", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    scene, camera = opened(args) if args.run else made(args)
    facts: dict[str, object] = {**conditions(args.threads), "gaussians": len(scene.splats)}
    if args.accuracy:
        facts |= {("visible" if each else "everything"): accuracy(scene, each) for each in (True, False)}
    else:
        facts |= timed(scene, camera, args)
    if args.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
