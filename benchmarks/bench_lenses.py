"""The whole job on one scene seen through lenses: is a mask as good in a distorted photograph as in a straight one?

    python benchmarks/bench_lenses.py CAPTURE --work DIR [--iterations 1000] [--lenses barrel,fisheye]

A run is fitted to the capture with its true masks (CAPTURE/gt/instance); its splat and segments are the scene. From the
capture's cameras it is photographed through each lens, 320 x 240 pixels, by the ray of every pixel and without the code
that undistorts (tests/lens_captures.py); each photograph gets its true label map, with ids drawn anew as masks.
`splatseg train` and `evaluate` then run on these captures as on any.

    pinhole    the capture's own cameras
    barrel     COLMAP's SIMPLE_RADIAL with k = -0.25
    fisheye    equidistant, 160 degrees across, cut into several views a photograph

Beside each lens stands its twin: the pinhole pictures that its photographs are undistorted into, taken from the same
drawings by the ray of every pixel, too, as a capture of their own, without what lies beside the photograph. Its masks,
prompted in its own pictures, and its segments are drawn into the photographs of the lens and measured there, on the
same things, prompts and pixels. So the difference is the lens's alone; the pinhole's things are larger or smaller.

mIoU: of things, by a mask prompt in one view, in the pixels of the photographs of the held-out views. ARI: of all
segments there. Cost: seconds of processor time for undistorting one photograph of 4000 x 3000 pixels, and for the map.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter

# Photographs through lenses are made as the tests make them.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from lens_captures import rays_of, through_lens, write_cameras

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens import Lens
from splatseg.cameras.lens_camera import AnyCamera, LensCamera, straightened
from splatseg.cameras.lens_models import lens_of_model
from splatseg.capture.capture import load_capture
from splatseg.capture.view import one_a_photograph
from splatseg.cli.main import run as command
from splatseg.evaluate.protocols.prompted import prompts_of, score_object
from splatseg.evaluate.segmentation import adjusted_rand_index
from splatseg.evaluate.truth import read_truth
from splatseg.render.label_maps import label_map, selection_mask
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.run.folder import Run, open_run
from splatseg.select.mask_prompt import select_by_mask
from splatseg.splats.splats import Splats

WIDTH, HEIGHT = 320, 240

FINER = 3
"""Pixels of the six pictures of a cube, that a photograph through a lens is taken from, across one of its own."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--iterations", default="1000")
    parser.add_argument("--lenses", default="pinhole,barrel,fisheye")
    arguments = parser.parse_args()
    scene = arguments.work / "scene"
    if not (scene / "report.html").exists():
        masks = arguments.capture / "gt" / "instance"
        fit = ["train", str(arguments.capture), "-o", str(scene), "--masks", str(masks), "--downscale", "2"]
        _do([*fit, "--overwrite"])
    focal = float(load_capture(arguments.capture).views[0].camera.resized(WIDTH, HEIGHT).K[0, 0])
    lenses: dict[str, tuple[str, tuple[float, ...]]] = {
        "pinhole": ("SIMPLE_PINHOLE", (focal, WIDTH / 2, HEIGHT / 2)),
        "barrel": ("SIMPLE_RADIAL", (focal, WIDTH / 2, HEIGHT / 2, -0.25)),
        "fisheye": ("SIMPLE_FISHEYE", (WIDTH / math.radians(160.0), WIDTH / 2, HEIGHT / 2)),
    }
    print("| lens | mIoU of things | ARI | PSNR held out |\n|---|---|---|---|", flush=True)
    for name in arguments.lenses.split(","):
        model, params = lenses[name]
        folder, twin = arguments.work / name, arguments.work / f"{name}-twin"
        _photograph(open_run(scene), folder, twin, model, params)
        for taken in (folder, twin):
            if not taken.exists():
                continue
            fit = ["train", str(taken), "-o", str(taken / "run"), "--masks", str(taken / "segments"), "--overwrite"]
            _do([*fit, "--iterations", arguments.iterations])
            _do(["evaluate", str(taken / "run"), "--gt", str(taken / "gt" / "instance")])
            found = json.loads((taken / "run" / "evaluation.json").read_text())["means"]
            miou, ari = (found["miou"], found["ari"]) if taken == folder else _in_photographs(twin, folder)
            print(f"| {taken.name} | {miou:.4f} | {ari:.4f} | {found['psnr']:.2f} |", flush=True)
    print(f"\nundistorting 4000 x 3000: {_seconds()}")


def _do(arguments: list[str]) -> None:
    if command(arguments) != 0:
        raise SystemExit(f"splatseg {' '.join(arguments)} failed")


def _photograph(scene: Run, folder: Path, twin: Path, model: str, params: tuple[float, ...]) -> None:
    """Write the photographs, true label maps and masks of a scene through a lens, and those of the lens's faces."""
    for old in (folder, twin):
        shutil.rmtree(old, ignore_errors=True)
    splats, capture, lens = scene.splats(), scene.capture, lens_of_model(model, params, WIDTH, HEIGHT)
    side = 1024 * math.ceil(2 * FINER * lens.focal[0] / 1024)
    rows: list[tuple[str, np.ndarray, str, tuple[float, ...], int, int]] = []
    twin_rows: list[tuple[str, np.ndarray, str, tuple[float, ...], int, int]] = []
    for view in capture.views:
        camera, stem = straightened(view.camera.viewmat, lens), Path(view.name).stem
        cube = _Cube(splats, camera.viewmat, side, side / 2 / lens.focal[0])
        _write(folder, f"{stem}.png", *cube.taken(lens, None))
        rows.append((f"{stem}.png", camera.viewmat, model, params, WIDTH, HEIGHT))
        if isinstance(camera, Camera):
            continue
        for number, face in enumerate(camera.faces):
            name, K = f"{stem}-{number}.png", face.K
            straight = (K[0, 0], K[1, 1], K[0, 2], K[1, 2])
            taken = lens_of_model("PINHOLE", straight, face.width, face.height)
            turn = face.viewmat[:3, :3] @ camera.viewmat[:3, :3].T
            photo, labels = cube.taken(taken, turn)
            places = lens.project(rays_of(taken) @ turn)
            seen = ((places >= 0) & (places < (WIDTH, HEIGHT))).all(axis=1).reshape(labels.shape)
            _write(twin, name, photo, np.where(seen, labels, 0), seen)
            twin_rows.append((name, face.viewmat, "PINHOLE", straight, face.width, face.height))
    write_cameras(folder, rows, capture)
    if twin_rows:
        write_cameras(twin, twin_rows, capture)


class _Cube:
    """Pictures of a scene to all six sides of a place, from which the pictures of lenses there are taken."""

    def __init__(self, splats: Splats, viewmat: np.ndarray, side: int, covered: float) -> None:
        """side: pixels of each picture. covered: how many across a pixel of the lens covers on its axis."""
        self._splats, self._viewmat, self._side = splats, viewmat, side
        self._box = 2 * round((covered - 1) / 2) + 1  # odd, so that nothing is shifted
        self._colours: dict[bytes, np.ndarray] = {}
        self._labels: dict[bytes, np.ndarray] = {}

    def taken(self, lens: Lens, turn: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the photograph (H,W,3) uint8 and the label map (H,W) of a lens."""
        drawn = (_once(self._colours, self._coloured), _once(self._labels, lambda side: label_map(self._splats, side)))
        photo, labels = (through_lens(lens, self._viewmat, draw, self._side, turn) for draw in drawn)
        return photo, labels

    def _coloured(self, side: Camera) -> np.ndarray:
        return to_uint8(uniform_filter(render_rgb(self._splats, side).numpy(), (self._box, self._box, 0)))


def _once(kept: dict[bytes, np.ndarray], draw: Callable[[Camera], np.ndarray]) -> Callable[[Camera], np.ndarray]:
    def drawn(camera: Camera) -> np.ndarray:
        key = camera.viewmat.tobytes()
        if key not in kept:
            kept[key] = draw(camera)
        return kept[key]

    return drawn


def _write(folder: Path, name: str, photo: np.ndarray, labels: np.ndarray, seen: np.ndarray | None = None) -> None:
    anew = np.random.default_rng(list(name.encode())).permutation(int(labels.max()) + 1) + 1
    pictures = {"images": photo, "segments": np.where(labels > 0, anew[labels], 0), "gt/instance": labels}
    for part, picture in pictures.items():
        _save(folder / part / name, picture)
    if seen is not None:  # as COLMAP names the masks of pixels to ignore
        _save(folder / "masks" / f"{name}.png", 255 * seen)


def _save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.astype(np.uint8)).save(path)


def _in_photographs(twin: Path, folder: Path) -> tuple[float, float]:
    """Return mIoU and ARI of a lens's twin in the photographs of the lens, on the same things prompted in the same."""
    run, taken = open_run(twin / "run"), open_run(folder / "run").capture
    splats, own = run.splats(), read_truth(twin / "gt" / "instance", run.capture.views)
    truth = read_truth(folder / "gt" / "instance", taken.views)
    agreement, hierarchy = run.agreement(splats), run.hierarchy(splats)
    train, held_out = (one_a_photograph(taken.split(part)) for part in ("train", "test"))
    cameras: dict[str, AnyCamera] = {view.photograph: view.seen_by for view in held_out}
    scores = []
    for prompt in prompts_of(truth, [view.photograph for view in train], list(cameras)):
        faces = [view for view in run.capture.views if view.name.rpartition("-")[0] == Path(prompt.view).stem]
        masks = [own.label_maps[view.name] == prompt.id for view in faces]
        most = int(np.argmax([mask.sum() for mask in masks]))
        ignored = faces[most].ignored()
        seen = None if ignored is None else ~ignored
        members = select_by_mask(splats, faces[most].camera, masks[most], None, agreement, hierarchy, seen).members
        drawn = {name: selection_mask(splats, cameras[name], members) for name in prompt.test_views}
        scores.append(score_object(truth, prompt, drawn).iou)
    segments = np.concatenate([label_map(splats, camera).ravel() for camera in cameras.values()])
    target = np.concatenate([truth.label_maps[name].ravel() for name in cameras])
    return float(np.mean(scores)), adjusted_rand_index(segments[None], target[None], (0,))


def _seconds() -> str:
    params = [3000, 3000, 2000, 1500, 0.1, -0.06, 1e-3, -2e-3]
    camera = LensCamera(np.eye(4), lens_of_model("OPENCV", params, 4000, 3000))
    image = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    began = time.process_time()
    warp = camera.cut(0)
    mapped = time.process_time() - began
    times = []
    for _ in range(7):
        began = time.process_time()
        warp.picture(image)
        times.append(time.process_time() - began)
    return f"{np.median(times):.3f} s, and {mapped:.3f} s for the map of a camera"


if __name__ == "__main__":
    main()
