"""What a lens sees, cut into faces and put back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lenses import HEIGHT, WIDTH, fisheye

from splatseg.cameras.camera import Camera
from splatseg.cameras.faces import WIDE, faces_of
from splatseg.cameras.lens import PERSPECTIVE, Lens
from splatseg.cameras.lens_camera import LensCamera, straightened
from splatseg.cameras.lens_models import lens_of_model, panorama

LENSES = {
    "weak": lens_of_model("SIMPLE_RADIAL", [500, 320, 240, -0.05], WIDTH, HEIGHT),
    "strong": lens_of_model("SIMPLE_RADIAL", [300, 160, 120, -0.25], 320, 240),
    "cushion": lens_of_model("RADIAL", [300, 150, 110, 0.2, 0.05], 320, 240),
    "fisheye of 160 degrees": fisheye(160, 320, 240),
    "fisheye of 220 degrees": fisheye(220, 300, 300),
    "tall": lens_of_model("SIMPLE_FISHEYE", [110, 60, 160], 120, 320),
    "panorama": panorama(400, 200),
}
ALL = pytest.mark.parametrize("name", sorted(LENSES))


def pixel_centres(width: int, height: int) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def painted(rays: np.ndarray) -> np.ndarray:
    """A smooth picture of directions: colours (P,3) of rays (P,3)."""
    unit = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return np.sin(unit * [3.0, 4.0, 5.0] + [0.0, 1.0, 2.0]).astype(np.float32)


def camera(name: str) -> LensCamera:
    return LensCamera(np.eye(4), LENSES[name])


def photograph(lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """The photograph (H,W,3) of `painted`, and the pixels (H,W) that the lens fills."""
    rays = lens.rays(pixel_centres(lens.width, lens.height))
    seen = np.isfinite(rays).all(axis=1)
    image = np.zeros((len(rays), 3), np.float32)
    image[seen] = painted(rays[seen])
    return image.reshape(lens.height, lens.width, 3), seen.reshape(lens.height, lens.width)


def face_picture(face: Camera) -> np.ndarray:
    rays = np.concatenate([pixel_centres(face.width, face.height), np.ones((face.width * face.height, 1))], axis=1)
    return painted(rays @ np.linalg.inv(face.K).T @ face.viewmat[:3, :3]).reshape(face.height, face.width, 3)


@ALL
def test_a_face_of_a_photograph_is_the_picture_of_its_pinhole_camera(name: str) -> None:
    image, _ = photograph(LENSES[name])
    for number, face in enumerate(camera(name).faces):
        warp = camera(name).cut(number)
        assert warp.inside.any()
        error = np.abs(warp.picture(image) - face_picture(face))[warp.inside]
        # At the photograph's border there is no next pixel: half a pixel is 0.03 here.
        assert np.quantile(error, 0.95) < 2e-3 and error.max() < 0.04


@ALL
def test_pictures_of_all_faces_make_up_the_photograph(name: str) -> None:
    image, seen = photograph(LENSES[name])
    back = camera(name).put_back([face_picture(face) for face in camera(name).faces], "mean")
    assert np.abs(back - image)[seen].max() < 2e-3


@ALL
def test_every_pixel_that_the_lens_fills_belongs_to_a_face(name: str) -> None:
    _, seen = photograph(LENSES[name])
    numbers = [np.full((face.height, face.width), i + 1, np.int32) for i, face in enumerate(camera(name).faces)]
    back = camera(name).put_back(numbers, "label")
    assert (back[seen] > 0).all() and len(np.unique(back)) >= len(numbers)


@ALL
def test_the_photograph_s_points_lie_where_the_faces_project_them(name: str) -> None:
    viewmat = np.eye(4)
    viewmat[:3, :3] = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    viewmat[:3, 3] = [0.3, -0.2, 0.5]
    there = LensCamera(viewmat, LENSES[name])
    for pixel in [(30.2, 40.7), (there.width / 2, there.height / 2), (there.width - 3.0, there.height - 2.0)]:
        found = there.face_at(pixel)
        if found is None:
            assert np.isnan(LENSES[name].rays(np.array([pixel]))).all()
            continue
        number, place = found
        point = there.faces[number].unproject(np.array([place]), np.array([2.0]))
        np.testing.assert_allclose(there.project(point)[0], [pixel], atol=1e-6)
        np.testing.assert_allclose(there.position, there.faces[number].position, atol=1e-12)


def test_faces_are_as_few_as_see_no_further_than_they_may() -> None:
    counts = {name: len(faces_of(lens)) for name, lens in LENSES.items()}
    assert counts == {
        **{"weak": 1, "strong": 1, "cushion": 1, "tall": 2},
        **{"fisheye of 160 degrees": 4, "fisheye of 220 degrees": 6, "panorama": 6},
    }
    for lens in LENSES.values():
        for face in faces_of(lens):
            sides = [face.K[0, 2], face.width - face.K[0, 2]]
            assert max(sides) / face.K[0, 0] <= WIDE + 0.1


def test_on_the_axis_a_face_is_as_fine_as_the_photograph() -> None:
    (face,) = faces_of(LENSES["strong"])
    np.testing.assert_allclose(face.K[[0, 1], [0, 1]], 300.0, rtol=1e-6)


def test_a_lens_that_bends_less_than_a_hundredth_of_a_pixel_is_a_pinhole() -> None:
    for k, kind in ((0.0, Camera), (1e-6, Camera), (1e-3, LensCamera)):
        lens = lens_of_model("SIMPLE_RADIAL", [500, 320, 240, k], WIDTH, HEIGHT)
        found = straightened(np.eye(4), lens)
        assert type(found) is kind
        np.testing.assert_array_equal(lens.K, [[500, 0, 320], [0, 500, 240], [0, 0, 1]])


def test_ids_put_back_are_ids_that_were_there() -> None:
    there = camera("fisheye of 160 degrees")
    rng = np.random.default_rng(0)
    maps = [rng.integers(1, 5, (face.height, face.width)).astype(np.int32) * 1000 for face in there.faces]
    assert set(np.unique(there.put_back(maps, "label"))) <= {0, 1000, 2000, 3000, 4000}


def test_a_lens_that_sees_nothing_is_refused() -> None:
    blind = Lens(PERSPECTIVE, (1.0, 1.0), (1e6, 1e6), 10, 10, radial=(-1.0,))
    with pytest.raises(ValueError, match="sees nothing"):
        faces_of(blind)


def test_masks_of_another_size_are_cut_by_the_same_lens() -> None:
    there = camera("strong").resized(160, 120)
    assert there.fits(320, 240) and not there.fits(320, 300)
    assert math.isclose(there.faces[0].K[0, 0], 150.0, rel_tol=1e-6)
