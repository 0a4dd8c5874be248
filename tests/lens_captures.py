"""Captures as a lens would have taken them, made without the code that undistorts: from the ray of every pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from capture_files import Model, binary_files, write_files
from PIL import Image

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.cameras.lens import Lens
from splatseg.cameras.lens_models import MODELS, lens_of_model
from splatseg.capture.capture import Capture, load_capture
from splatseg.demo.demo import demo_capture

SIDES = np.array(
    [
        *([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 0, -1], [0, 1, 0], [1, 0, 0]], [[-1, 0, 0], [0, 1, 0], [0, 0, -1]]),
        *([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], [[1, 0, 0], [0, 0, -1], [0, 1, 0]], [[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
    ],
    dtype=np.float64,
)
"""Rotations (6,3,3) from a camera to cameras that look ahead, right, back, left, down and up."""


def rays_of(lens: Lens) -> np.ndarray:
    """Rays (P,3) of the centres of all pixels, by rows; NaN where the lens sees nothing."""
    x, y = np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5)
    return lens.rays(np.stack([x.ravel(), y.ravel()], axis=1))


def through_lens(
    lens: Lens, viewmat: np.ndarray, draw: Callable[[Camera], np.ndarray], side: int, turn: np.ndarray | None = None
) -> np.ndarray:
    """The picture of a lens from those of six pinhole cameras of side x side pixels: the pixel under each ray.

    turn (3,3): the rotation from the camera to the lens, if that looks elsewhere.
    """
    rays = np.nan_to_num(rays_of(lens)) @ (np.eye(3) if turn is None else turn)
    found: np.ndarray | None = None
    nearest = (rays @ SIDES[:, 2].T).argmax(axis=1)
    for number in np.unique(nearest):
        mine = nearest == number
        turn = np.eye(4)
        turn[:3, :3] = SIDES[number]
        picture = draw(Camera(turn @ viewmat, centred_lens(side / 2.0, side, side), side, side))
        local = rays[mine] @ SIDES[number].T
        with np.errstate(divide="ignore", invalid="ignore"):
            x, y = (np.nan_to_num(local[:, :2] / local[:, 2:]) * (side / 2.0) + side / 2.0).T
        if found is None:
            found = np.zeros((len(rays), *picture.shape[2:]), picture.dtype)
        found[mine] = picture[np.clip(y, 0, side - 1).astype(int), np.clip(x, 0, side - 1).astype(int)]
    assert found is not None
    return found.reshape(lens.height, lens.width, *found.shape[1:])


def demo_through(folder: Path, model: str, params: tuple[float, ...], width: int, height: int, views: int = 64) -> Path:
    """A COLMAP capture of the embedded demo whose photographs, masks and truth a lens has taken; `folder`.

    The lens must see no more than the demo's pinhole does.
    """
    capture, lens = load_capture(demo_capture()), lens_of_model(model, params, width, height)
    rays = rays_of(lens)
    for view in capture.views[:: len(capture.views) // views]:
        pixels = rays[:, :2] / rays[:, 2:] @ view.camera.K[:2, :2].T + view.camera.K[:2, 2]
        assert (pixels >= 0).all() and (pixels < [view.camera.width, view.camera.height]).all()
        x, y = pixels.astype(int).T
        for part in ("images", "masks", "gt/instance"):
            name = view.name if part == "images" else view.png_name
            old = np.asarray(Image.open(Path(demo_capture()) / part / name))
            new = old[y, x].reshape(height, width, *old.shape[2:])
            path = folder / part / (name if part != "images" else view.png_name)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(new).save(path)
    taken = capture.views[:: len(capture.views) // views]
    write_model(folder, [(view.png_name, view.camera.viewmat) for view in taken], model, params, width, height, capture)
    return folder


def write_model(
    folder: Path,
    poses: list[tuple[str, np.ndarray]],
    model: str,
    params: tuple[float, ...],
    width: int,
    height: int,
    points: Capture,
) -> None:
    """A COLMAP model of photographs with one lens, with the points of another capture."""
    write_cameras(folder, [(name, viewmat, model, params, width, height) for name, viewmat in poses], points)


def write_cameras(
    folder: Path, photographs: list[tuple[str, np.ndarray, str, tuple[float, ...], int, int]], points: Capture
) -> None:
    """A COLMAP model of photographs (name, viewmat, model, parameters, size), with the points of another capture."""
    from scipy.spatial.transform import Rotation

    lenses = sorted({(model, params, width, height) for _, _, model, params, width, height in photographs})
    images = []
    for name, viewmat, *lens in photographs:
        x, y, z, w = Rotation.from_matrix(viewmat[:3, :3]).as_quat()
        images.append((name, 1 + lenses.index(tuple(lens)), (w, x, y, z), tuple(viewmat[:3, 3]), 0))
    colored = zip(points.points.tolist(), points.point_colors.tolist(), strict=True)
    rows = [(tuple(place), tuple(color), 0) for place, color in colored]
    cameras = [
        (number, model, list(MODELS).index(model), width, height, params)
        for number, (model, params, width, height) in enumerate(lenses, start=1)
    ]
    write_files(folder / "sparse" / "0", binary_files(Model(cameras, images, rows)))
