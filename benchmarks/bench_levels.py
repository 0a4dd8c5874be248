"""Levels of detail: what drafts of the viewer look like with them, and what they cost.

    python benchmarks/bench_levels.py --splats composed_14.splat [--gaussians 2000000] [--sh 0] [--frames 12]
    python benchmarks/bench_levels.py --run RUN
        [--width 1280] [--height 720] [--threads 2] [--steps 1,1 1,2 0.5,3 ...] [--pictures DIR] [--json]

The scene is a run, or the Gaussians of a file, repeated until there are --gaussians (bench_scale.py). Cameras go around
it in --frames steps. Told are the building of the levels, their memory, and of every step of a draft (size as a share
of the window, side of the cells in pixels), drawn as the viewer draws it:

    PSNR           of drafts with levels against drafts of the same size with all Gaussians, least and median
    to the still   the same against the full picture, both enlarged to its size: median without, with levels
    jump           least PSNR of the change from frame to frame, a degree apart, against the change without levels
    rows           Gaussians drawn, of those that there are
    ms             processor time of all threads a frame, median, without and with levels, in turns
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from bench_lift import ring_views
from bench_scale import repeated
from harness import conditions, peak_memory_mb
from PIL import Image

import splatseg
from splatseg.cameras.camera import Camera
from splatseg.formats.read import load_splats
from splatseg.jobs.film import cameras_of_film
from splatseg.requests.filming import Film
from splatseg.splats.splats import Splats
from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.drawing.seen import WORTH
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.detail import Built
from splatseg.viewer.workspace.draft_size import STEPS, Pace
from splatseg.viewer.workspace.workspace import Workspace


class Fixed(Pace):
    """Drafts of one size."""

    def __init__(self, step: tuple[float, float]) -> None:
        super().__init__()
        self._step = step

    @property
    def scale(self) -> float:
        return self._step[0]

    @property
    def cell(self) -> float:
        return self._step[1]

    def took(self, seconds: float, merged: bool = False) -> None:
        self.slow = False


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Of arrays in 0..255, at most 99."""
    squares = ((one.astype(np.float64) - other) ** 2).mean()
    return min(10 * math.log10(255**2 / squares), 99.0) if squares else 99.0


def enlarged(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize(like.shape[1::-1], Image.Resampling.BILINEAR))


def turned(camera: Camera, about: np.ndarray, degrees: float) -> Camera:
    """The camera, gone around a point, about the axis that is vertical in its picture."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
    viewmat, centre = camera.viewmat.copy(), camera.viewmat[:3, :3] @ about + camera.viewmat[:3, 3]
    viewmat[:3, :3] = turn @ camera.viewmat[:3, :3]
    viewmat[:3, 3] = turn @ (camera.viewmat[:3, 3] - centre) + centre
    return Camera(viewmat, camera.K, camera.width, camera.height)


def made(args: argparse.Namespace) -> tuple[Splats, list[Camera]]:
    if args.run:
        scene = splatseg.open(args.run)
        film = Film("orbit", seconds=args.frames, fps=1, size=(args.width, args.height))
        return scene.splats.plain(), list(cameras_of_film(scene.run, scene.splats, film))
    shown, _ = load_splats(args.splats)
    cameras = [view.camera for view in ring_views(shown, args.frames, args.width, args.height)]
    splats = repeated(shown, args.gaussians or len(shown))
    generator = torch.Generator().manual_seed(0)
    harmonics = 0.02 * torch.randn(len(splats), (args.sh + 1) ** 2 - 1, 3, generator=generator)
    return splats.replace(shN=harmonics), cameras


def bytes_of(built: Built) -> int:
    levels = built.levels
    arrays = [*(part.numpy() for part in (*levels.geometry, built.sh0, built.shN)), levels.order]
    arrays += [levels.begins, levels.ends, levels.boxes, levels.reach]
    arrays += [part for merge in levels.merges for part in (merge.parts, merge.starts, merge.shares)]
    return sum(array.nbytes for array in arrays)


def step_of(
    step: tuple[float, float], args: argparse.Namespace, spaces: list[Workspace], cameras: list[Camera]
) -> dict:
    """The figures of one step of drafts; `spaces` are a workspace without and one with levels."""
    for space in spaces:
        space.canvas.pace = Fixed(step)
    built = spaces[1].scene.detail.built
    middle = spaces[0].scene.splats.means.median(0).values.double().numpy()
    same, stills, jumps, rows, times = [], [], [], [], []
    for number, camera in enumerate(cameras):
        images, took = [], []
        for space in spaces:
            picture(space, camera, draft=True)  # warms what depends on the view's colours
            began = time.process_time()
            images.append(picture(space, camera, draft=True))
            took.append(1e3 * (time.process_time() - began))
        times.append(took)
        next_camera = turned(camera, middle, 1.0)
        changes = [
            picture(space, next_camera, draft=True).astype(int) - image
            for space, image in zip(spaces, images, strict=True)
        ]
        still = picture(spaces[0], camera)
        same.append(psnr(*images))
        stills.append([psnr(enlarged(image, still), still) for image in images])
        jumps.append(psnr(*changes))
        share = built.levels.cut(camera.scaled(step[0]), step[1]).count / len(spaces[0].scene.splats)
        rows.append(share if share <= WORTH else 1.0)
        if args.pictures and number == 0:
            args.pictures.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.concatenate(images, 1)).save(args.pictures / f"draft-{step[0]:g}-{step[1]:g}.png")
    before, after = np.median(times, 0)
    return {
        "PSNR": [round(min(same), 1), round(float(np.median(same)), 1)],
        "to the still": [round(float(value), 1) for value in np.median(stills, 0)],
        "jump": round(min(jumps), 1),
        "rows": round(float(np.mean(rows)), 3),
        "ms": [round(float(before), 1), round(float(after), 1)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--splats", type=Path)
    source.add_argument("--run", type=Path)
    parser.add_argument("--gaussians", type=int, default=0, help="0: as many as the file has")
    parser.add_argument("--sh", type=int, default=0, choices=(0, 1, 2, 3))
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", nargs="+", default=[f"{scale},{cell}" for scale, cell in STEPS])
    parser.add_argument("--pictures", type=Path, help="a folder for drafts without and with levels side by side")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    splats, cameras = made(args)
    spaces = [Workspace(ShownScene(splats, "scene")) for _ in range(2)]
    began, cpu = time.perf_counter(), time.process_time()
    detail = spaces[1].scene.detail
    detail.begin()
    detail.wait()
    built = detail.built
    assert built is not None
    own = sum(getattr(splats, name).nbytes for name in ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN"))
    facts: dict[str, object] = {
        "gaussians": len(splats),
        "rows of all levels": len(built.levels.geometry[0]),
        "built in seconds": [round(time.perf_counter() - began, 2), round(time.process_time() - cpu, 2)],
        "bytes a Gaussian": {"splat": own / len(splats), "levels": round(bytes_of(built) / len(splats), 1)},
        **conditions(args.threads),
    }
    for text in args.steps:
        scale, cell = map(float, text.split(","))
        facts[f"draft {scale:g}, cells of {cell:g}"] = step_of((scale, cell), args, spaces, cameras)
        if not args.json:
            print(text, facts[f"draft {scale:g}, cells of {cell:g}"], flush=True)
    facts["peak MB"] = round(peak_memory_mb())
    print(json.dumps(facts) if args.json else "\n".join(f"{name:24} {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()
