"""A fit in blocks against one in one piece: held-out PSNR, near seams and elsewhere, seconds, memory.

    python benchmarks/bench_fit_blocks.py CAPTURE [--downscale 1] [--blocks 4] [--steps N] [--seeds 1] [--threads 1]
                                          [--set "NAME=VALUE ..."] ... [--as-many-visits] [--pictures FOLDER]
                                          [--points N]
    python benchmarks/bench_fit_blocks.py --make FOLDER --of CAPTURE --splats SPLAT [--views 600] [--tiles 2]

In one piece and in blocks every Gaussian has N steps. A cell is trained on its own views alone, so each of these is
shown more often than in one piece; with --as-many-visits there is also a fit in one piece of so many steps that its
views are shown as often as a cell's are. Each cell may have as many Gaussians as one piece; if all together have more,
another fit in one piece may have these. Every --set is a variant of `BlockSettings`. Pixels near a seam are those
most of whose light comes from Gaussians in the margins of another cell than their own; the same pixels are compared
in all fits. --points: begin with so many points, copies of the capture's a little apart, and do not grow: what memory
takes. Every fit in one piece and every cell is a process of its own, whose most memory is told (MB, Linux).

--make renders a splat from new cameras between those of its capture, as a capture of its own: the part within an extent
of the cameras is laid out TILES x TILES times side by side, what is farther stays around all of it.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from scipy.spatial.transform import Rotation, Slerp

from splatseg.cameras.camera import Camera
from splatseg.capture.capture import Capture, load_capture
from splatseg.capture.point_cloud import write_point_cloud
from splatseg.capture.transforms_json import write_transforms
from splatseg.capture.view import View
from splatseg.engine.attempt import attempt, forget_peak, peak_memory
from splatseg.engine.in_process import InProcess
from splatseg.engine.protocol import Done
from splatseg.files import write_json, write_png
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.jobs.fitting.in_blocks import BlockFit
from splatseg.raster.interface import rasterize_labels
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.run.reporter import NullReporter
from splatseg.splats.joined import joined
from splatseg.splats.splats import Splats
from splatseg.train.blocks.plan import Round, read_round
from splatseg.train.blocks.settings import BlockSettings
from splatseg.train.blocks.work import CellWork
from splatseg.train.density import extent_of
from splatseg.train.fit import fit_splats
from splatseg.train.settings import TrainSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path, nargs="?")
    parser.add_argument("--downscale", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1_500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar='"NAME=VALUE ..."')
    parser.add_argument("--as-many-visits", action="store_true")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--points", type=int)
    parser.add_argument("--make", type=Path)
    parser.add_argument("--of", type=Path)
    parser.add_argument("--splats", type=Path)
    parser.add_argument("--views", type=int, default=600)
    parser.add_argument("--tiles", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.make is not None:
        make(given.make, load_capture(given.of), load_splats(given.splats)[0], given.views, given.tiles)
        return
    print("| seed | fit | PSNR | near seams | elsewhere | their pixels | Gaussians | s | MB |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for seed in range(given.seeds):
        most = given.points or TrainSettings().max_gaussians
        compare(given, dataclasses.replace(TrainSettings().scaled(given.steps), seed=seed, max_gaussians=most))


def compare(given: argparse.Namespace, settings: TrainSettings) -> None:
    """Print a row for every fit with one seed."""
    source = Source(given.capture, given.downscale, given.points)
    capture = source.capture()
    with tempfile.TemporaryDirectory() as folder:
        fits: dict[str, tuple[Splats, str]] = {}
        near: list[np.ndarray] = []
        visits = 1.0
        for number, variant in enumerate(given.set or [""]):
            blocks = dataclasses.replace(BlockSettings(cells=given.blocks), **changes(variant))
            place = Path(folder) / str(number)
            splats, cost = in_blocks(place, source, settings, blocks, given.threads)
            fits[f"{given.blocks} blocks {variant}".strip()] = splats, cost
            last = read_round(place, len(blocks.joins))
            assert last is not None
            near = near or near_seams(splats, last, capture)
            started = blocks.joins[0]
            visits = started + (1.0 - started) * len(capture.split("train")) / float(np.mean(last.views))
            shutil.rmtree(place)
        more = settings.scaled(round(settings.iterations * visits))
        pieces = {"one piece": settings} | ({"one piece, as many visits": more} if given.as_many_visits else {})
        grown = max(len(splats) for splats, _ in fits.values())
        if given.as_many_visits and grown > settings.max_gaussians:
            as_many = dataclasses.replace(more, max_gaussians=grown)
            pieces["one piece, as many visits and at most as many Gaussians"] = as_many
        for name, own in pieces.items():
            fits[f"{name}, {own.iterations:,} steps"] = in_one_piece(Path(folder), source, own, given.threads)
        for name, (splats, cost) in fits.items():
            print(f"| {settings.seed} | {name} | {figures(splats, capture, near)} | {cost} |", flush=True)
        if given.pictures is not None:
            show(given.pictures, capture, [splats for splats, _ in fits.values()], near)


@dataclasses.dataclass(frozen=True)
class Source:
    """A capture that any process can read."""

    path: Path
    downscale: int
    points: int | None = None

    def capture(self) -> Capture:
        """Read it."""
        capture = load_capture(self.path, downscale=self.downscale)
        if self.points is None:
            return capture
        rows = np.arange(self.points) % len(capture.points)
        apart = 0.05 * capture.points.std(axis=0) * np.random.default_rng(0).normal(size=(self.points, 3))
        points = (capture.points[rows] + apart).astype(np.float32)
        return dataclasses.replace(capture, points=points, point_colors=capture.point_colors[rows])

    def views(self) -> Sequence[View]:
        """Read its training views."""
        return self.capture().split("train")


class Alone(InProcess):
    """Does every item in a new process, so that its memory is its own."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.memory = 0

    def map(self, work: Callable[[Any], Any], items: Sequence[Any], **others: Any) -> Iterator[Done[Any]]:
        """Yield what becomes of the items, in order."""
        del others
        for index, item in enumerate(items):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                done = pool.apply(_attempted, (self.threads, work, item, index))
            if done.error is not None:
                raise SystemExit(done.error)
            self.memory = max(self.memory, done.memory)
            yield done


def _attempted(threads: int, work: Callable[[Any], Any], item: Any, index: int) -> Done[Any]:
    torch.set_num_threads(threads)
    forget_peak()
    return attempt(work, item, index, "a process")


def in_blocks(
    folder: Path, source: Source, settings: TrainSettings, blocks: BlockSettings, threads: int
) -> tuple[Splats, str]:
    """Return the splat of a fit in blocks, and its seconds and memory."""
    engine, began = Alone(threads), time.perf_counter()
    forget_peak()
    work = CellWork(functools.partial(Source.views, source), settings)
    splats = BlockFit(folder, source.capture(), settings, blocks, work, NullReporter()).splats(engine)
    seconds = time.perf_counter() - began
    start = f"start and plans {peak_memory() / 1e6:.0f}"
    return splats, f"{len(splats):,} | {seconds:.0f} | a cell {engine.memory / 1e6:.0f}, {start}"


def in_one_piece(folder: Path, source: Source, settings: TrainSettings, threads: int) -> tuple[Splats, str]:
    """Return the splat of a fit in one piece, and its seconds and memory."""
    began = time.perf_counter()
    work = functools.partial(_whole, folder / "whole.ply", source)
    done = next(Alone(threads).map(work, [settings]))
    splats = load_splats(folder / "whole.ply")[0]
    return splats, f"{len(splats):,} | {time.perf_counter() - began:.0f} | {done.memory / 1e6:.0f}"


def _whole(path: Path, source: Source, settings: TrainSettings) -> None:
    write_ply(path, fit_splats(source.capture(), settings), own=False)


def changes(variant: str) -> dict[str, Any]:
    """Return the settings of a variant by name."""
    read = {name: yaml.safe_load(value) for name, _, value in (part.partition("=") for part in variant.split())}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()}


def near_seams(splats: Splats, last: Round, capture: Capture) -> list[np.ndarray]:
    """Return which pixels (H,W) bool of each held-out view show what lies near a seam of the last round."""
    cells = last.partition
    holders = sum(cells.grown(cell, splats.positions).astype(np.int32) for cell in range(cells.count))
    labels = torch.from_numpy(np.where(holders > 1, 2, 1).astype(np.int32))
    return [(rasterize_labels(splats.prepare(view.camera), labels, 2) == 2).numpy() for view in capture.split("test")]


def figures(splats: Splats, capture: Capture, near: Sequence[np.ndarray]) -> str:
    """Return PSNR over held-out views, mean of views; near seams and elsewhere, by all their pixels; their shares."""
    each, squares = [], []
    for view, seam in zip(capture.split("test"), near, strict=True):
        ignored = view.ignored()
        counted = np.ones(seam.shape, bool) if ignored is None else ~ignored
        picture = to_uint8(render_rgb(splats, view.camera))
        square = np.square(picture.astype(np.float64) / 255 - view.image() / 255.0).mean(axis=2)
        each.append(-10 * np.log10(square[counted].mean()))
        squares.append([square[counted & seam], square[counted & ~seam]])
    at, off = (np.concatenate(parts) for parts in zip(*squares, strict=True))
    share = len(at) / (len(at) + len(off))
    return f"{np.mean(each):.2f} | {-10 * np.log10(at.mean()):.2f} | {-10 * np.log10(off.mean()):.2f} | {share:.0%}"


def show(folder: Path, capture: Capture, fits: Sequence[Splats], near: Sequence[np.ndarray]) -> None:
    """Write of every held-out view a picture: photograph and seams above, each fit and its error (4 x) below."""
    for view, seam in zip(capture.split("test"), near, strict=True):
        photograph = view.image()
        rows = [np.concatenate([photograph, np.where(seam[..., None], photograph, photograph // 4)], axis=1)]
        for splats in fits:
            picture = to_uint8(render_rgb(splats, view.camera))
            error = np.abs(picture.astype(int) - photograph).clip(0, 63) * 4
            rows.append(np.concatenate([picture, error.astype(np.uint8)], axis=1))
        write_png(folder / view.png_name, np.concatenate(rows))


def make(folder: Path, capture: Capture, splats: Splats, count: int, tiles: int) -> None:
    """Write a capture of `count` pictures of the splat, laid out TILES x TILES times."""
    cameras = [view.camera for view in capture.views]
    positions = np.array([camera.position for camera in cameras])
    centre, extent = positions.mean(axis=0), extent_of(cameras)
    across = np.argsort(-np.ptp(positions, axis=0))[:2]
    near = (np.abs(splats.positions[:, across] - centre[across]) <= extent).all(axis=1)
    near &= np.linalg.norm(splats.positions - centre, axis=1) <= 3 * extent
    far = splats.subset(np.linalg.norm(splats.positions - centre, axis=1) > 10 * extent)
    offsets = np.zeros((tiles**2, 3))
    places = (np.arange(tiles) - (tiles - 1) / 2) * 2 * extent
    offsets[:, across] = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    part = splats.subset(near)
    moved = [part.replace(means=part.means + torch.from_numpy(offset).to(part.means)) for offset in offsets]
    scene = joined([*moved, far]).replace(features=None, segment_ids=None)
    random, taken = np.random.default_rng(0), dict[str, Camera]()
    for number in range(count):
        camera = _between(cameras, positions, random, offsets[number % len(offsets)])
        name = f"images/{number:04d}.png"
        taken[name] = camera
        write_png(folder / name, to_uint8(render_rgb(scene, camera)))
    solid = np.flatnonzero((scene.opacities[: len(part) * len(moved)] > 0.5).numpy())
    rows = np.sort(random.permutation(solid)[: 2_000 * len(moved)])
    colors = (255 * (0.5 + 0.2820948 * scene.sh0[rows].numpy())).clip(0, 255).astype(np.uint8)
    write_point_cloud(folder / "points.ply", scene.positions[rows], colors)
    path = folder / "transforms.json"
    write_transforms(path, taken)
    write_json(path, yaml.safe_load(path.read_text()) | {"ply_file_path": "points.ply"})
    print(f"{count} views of {len(scene):,} Gaussians, {tiles} x {tiles} tiles, {len(rows):,} points: {folder}")


def _between(
    cameras: Sequence[Camera], positions: np.ndarray, random: np.random.Generator, offset: np.ndarray
) -> Camera:
    """Return a camera between one of the cameras and one of its three neighbours, moved by an offset (3,)."""
    first = int(random.integers(len(cameras)))
    order = np.argsort(np.linalg.norm(positions - positions[first], axis=1), kind="stable")
    second, share = int(order[random.integers(1, 4)]), float(random.uniform())
    turns = Rotation.from_matrix(np.stack([cameras[k].viewmat[:3, :3] for k in (first, second)]))
    viewmat = np.eye(4)
    viewmat[:3, :3] = Slerp([0.0, 1.0], turns)(share).as_matrix()
    position = (1 - share) * positions[first] + share * positions[second] + offset
    viewmat[:3, 3] = -viewmat[:3, :3] @ position
    return dataclasses.replace(cameras[first], viewmat=viewmat)


if __name__ == "__main__":
    main()
