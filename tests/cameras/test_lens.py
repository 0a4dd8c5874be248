"""Every camera model, against COLMAP's and OpenCV's own code, and against itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenses import HEIGHT, PARAMETERS, WIDTH

from splatseg.cameras.lens import FISHEYE, PERSPECTIVE, Lens
from splatseg.cameras.lens_models import CHAINED, MODELS, lens_of_model, panorama

ALL = pytest.mark.parametrize("model", sorted(PARAMETERS))


def grid(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Points (P,2) of a picture, its corners among them."""
    x, y = np.meshgrid(np.linspace(0, width, 65), np.linspace(0, height, 49))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def lens(model: str) -> Lens:
    return lens_of_model(model, PARAMETERS[model], WIDTH, HEIGHT)


def test_every_model_has_parameters_here() -> None:
    assert set(PARAMETERS) == set(MODELS)
    assert all(len(PARAMETERS[model]) == len(names.split()) for model, (_, names) in MODELS.items())


@ALL
def test_the_ray_of_a_pixel_falls_on_that_pixel(model: str) -> None:
    rays = lens(model).rays(grid())
    assert np.isfinite(rays).all()
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(lens(model).project(5.0 * rays), grid(), atol=1e-9)


@ALL
def test_colmap_projects_rays_to_the_same_pixels(model: str) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    theirs = pycolmap.Camera(model=model, width=WIDTH, height=HEIGHT, params=PARAMETERS[model])
    rays = lens(model).rays(grid())
    pixels = np.asarray(theirs.img_from_cam(rays))
    known = np.isfinite(pixels).all(axis=1)
    # It gives no pixel for rays of a fisheye from behind the camera.
    assert (known | (rays[:, 2] <= 1e-6)).all()
    np.testing.assert_allclose(pixels[known], grid()[known], atol=1e-7)


OPENCV = {
    "OPENCV": "322 238 509.405 100.2267 90.847375 396.552448 362.022387 415.619515 73.403978 76.426246",
    "FULL_OPENCV": "322 238 510.503645 99.419196 89.110244 397.74412 362.176435 416.298869 71.383933 75.106484",
    "OPENCV_FISHEYE": "322 238 404.092889 175.031023 222.428863 309.283882 339.571409 318.868417 214.816758 164.920517",
}
"""Pixels of five rays by OpenCV 5.0.0 (projectPoints, and fisheye.projectPoints), to 1e-6."""


@pytest.mark.parametrize("model", sorted(OPENCV))
def test_opencv_projects_rays_to_the_same_pixels(model: str) -> None:
    rays = np.array([[0, 0, 1], [0.4, -0.3, 1], [-0.5, 0.35, 1], [0.1, 0.45, 1.2], [-0.6, -0.4, 1.1]])
    pixels = np.array(OPENCV[model].split(), float).reshape(5, 2)
    np.testing.assert_allclose(lens(model).project(rays), pixels, atol=1e-6)


@ALL
def test_a_lens_of_a_picture_of_half_the_size_sees_the_same(model: str) -> None:
    half = lens(model).resized(WIDTH // 2, HEIGHT // 2)
    np.testing.assert_allclose(half.rays(grid() / 2.0), lens(model).rays(grid()), atol=1e-12)
    assert (half.width, half.height) == (WIDTH // 2, HEIGHT // 2)


@ALL
def test_jacobians_of_the_distortion_are_those_of_finite_differences(model: str) -> None:
    bent, step = lens(model), 1e-6
    q = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 2))
    _, jacobian = bent._distorted(q)
    for axis in (0, 1):
        offset = np.eye(2)[axis] * step
        slope = (bent._distorted(q + offset)[0] - bent._distorted(q - offset)[0]) / (2 * step)
        np.testing.assert_allclose(jacobian[:, :, axis], slope, atol=1e-8)


def test_a_polynomial_that_folds_back_ends_where_it_does() -> None:
    # r (1 - r^2) grows up to r = 1 / sqrt(3), where it is 0.385.
    folded = Lens(PERSPECTIVE, (100.0, 100.0), (50.0, 50.0), 100, 100, radial=(-1.0,))
    rays = folded.rays(np.array([[50.0, 50.0], [87.0, 50.0], [90.0, 50.0]]))
    assert np.isfinite(rays[:2]).all() and np.isnan(rays[2]).all()
    outside = folded.project(np.array([[0.5, 0.0, 1.0], [0.7, 0.0, 1.0]]))
    assert np.isfinite(outside[0]).all() and np.isnan(outside[1]).all()


def test_rays_from_behind_have_no_pixel_in_a_picture_that_is_flat() -> None:
    behind = np.array([[0.1, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    for model in ("PINHOLE", "OPENCV", "FOV"):
        assert np.isnan(lens(model).project(behind)).all()


def test_a_fisheye_sees_behind_itself_but_not_twice() -> None:
    whole = Lens(FISHEYE, (100.0, 100.0), (350.0, 350.0), 700, 700)
    angle = math.radians(150.0)
    (pixel,) = whole.project(np.array([[math.sin(angle), 0.0, math.cos(angle)]]))
    np.testing.assert_allclose(pixel, [350.0 + 100.0 * angle, 350.0])
    assert np.isnan(whole.rays(np.array([[350.0 + 100.0 * 3.2, 350.0]]))).all()


def test_a_panorama_holds_all_directions() -> None:
    lens = panorama(360, 180)
    rays = np.array([[0, 0, 1.0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 1e-9]])
    np.testing.assert_allclose(lens.project(rays), [[180, 90], [270, 90], [90, 90], [180, 180], [180, 0]], atol=1e-6)


def test_only_lenses_without_coefficients_are_pinholes() -> None:
    straight = [model for model in PARAMETERS if lens(model).is_pinhole]
    assert straight == ["SIMPLE_PINHOLE", "PINHOLE"]
    assert lens_of_model("OPENCV", [500, 500, 320, 240, 0, 0, 0, 0], 640, 480).is_pinhole
    assert lens_of_model("SIMPLE_DIVISION", [500, 320, 240, 0], 640, 480).is_pinhole
    assert lens(CHAINED).chained


coefficients = st.floats(-0.3, 0.3)


@settings(max_examples=60)
@given(
    radial=st.tuples(coefficients, coefficients, coefficients, coefficients),
    tangential=st.tuples(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02)),
    kind=st.sampled_from([PERSPECTIVE, FISHEYE]),
    chained=st.booleans(),
)
def test_whatever_the_coefficients_a_ray_that_is_found_falls_on_its_pixel(
    radial: tuple[float, ...], tangential: tuple[float, float], kind: str, chained: bool
) -> None:
    bent = Lens(
        kind, (300.0, 300.0), (320.0, 240.0), WIDTH, HEIGHT, radial=radial, tangential=tangential, chained=chained
    )
    rays = bent.rays(grid())
    found = np.isfinite(rays).all(axis=1)
    assert found[len(found) // 2]  # the axis is always seen
    np.testing.assert_allclose(bent.project(rays[found]), grid()[found], atol=1e-4)
