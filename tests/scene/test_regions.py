"""Selecting in a scene by regions: the methods say what the functions find, on a plain splat, too."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_scenes import CAMERA, carrying, halves, pixel_on

import splatseg
from splatseg.cameras.coordinates import Coordinates
from splatseg.errors import PromptError
from splatseg.scene.table import table_of_file


@pytest.fixture
def plain() -> tuple[splatseg.Scene, np.ndarray]:
    """The three things as a file of another program has them: without features and segments."""
    splats, thing = carrying()
    return splatseg.Scene(splats.plain(), "plain"), thing


def around(scene: splatseg.Scene, members: np.ndarray, margin: float = 3.0) -> tuple[float, float, float, float]:
    pixels, _ = CAMERA.project(scene.splats.positions[members].astype(np.float64))
    (x0, y0), (x1, y1) = pixels.min(axis=0) - margin, pixels.max(axis=0) + margin
    return float(x0), float(y0), float(x1), float(y1)


def test_a_lasso_around_a_thing_takes_it_through_everything_and_its_front_alone(
    plain: tuple[splatseg.Scene, np.ndarray],
) -> None:
    scene, thing = plain
    x0, y0, x1, y1 = around(scene, thing == 1)
    outline = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    whole = scene.lasso(CAMERA, outline, visible=False)
    np.testing.assert_array_equal(whole.members, thing == 1)
    front = scene.lasso(CAMERA, outline)
    assert 0 < front.count < whole.count and not (front - whole).count
    np.testing.assert_array_equal(scene.rectangle(CAMERA, (x1, y1, x0, y0)).members, front.members)
    drawn = scene.lasso(CAMERA, outline).mask(CAMERA) | scene.region(CAMERA, whole.mask(CAMERA)).mask(CAMERA)
    assert (drawn & whole.mask(CAMERA)).any()


def test_strokes_add_and_take_away(plain: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = plain
    spots = [pixel_on(scene.splats, thing == label) for label in (1, 2)]
    one, two = (scene.brush(CAMERA, [spot], 6.0, visible=False) for spot in spots)
    assert one.count and two.count and not (one & two).count
    np.testing.assert_array_equal(((one | two) - two).members, one.members)
    np.testing.assert_array_equal(scene.brush(CAMERA, spots, 6.0, visible=False).members & one.members, one.members)


def test_volumes_and_sizes_are_in_the_users_own_units(plain: tuple[splatseg.Scene, np.ndarray]) -> None:
    _, thing = plain
    far = carrying()[0].plain().in_world(Coordinates((1000.0, -50.0, 3.0), 8.0))
    scene = splatseg.Scene(far, "survey")
    own = scene.splats.own_positions[thing == 1]
    np.testing.assert_array_equal(scene.sphere(own.mean(axis=0), 0.5).members, thing == 1)
    np.testing.assert_array_equal(scene.within(own.min(axis=0) - 0.01, own.max(axis=0) + 0.01).members, thing == 1)
    assert scene.between(size=(0.0899, 0.0901)).count == len(thing)
    assert scene.between(size=(0.1, 1.0)).count == 0


def test_a_spot_floods_to_its_thing_and_colour_takes_all_alike(plain: tuple[splatseg.Scene, np.ndarray]) -> None:
    scene, thing = plain
    spot = scene.brush(CAMERA, [pixel_on(scene.splats, thing == 3)], 4.0)
    within = scene.gaussians(thing == 3)
    np.testing.assert_array_equal(spot.flood(within=within).members, thing == 3)
    assert spot.count <= spot.flood(steps=1, within=within).count <= spot.flood(within=within).count
    np.testing.assert_array_equal(
        scene.alike_color(CAMERA, pixel_on(scene.splats, thing == 2), 0.05).members, thing == 2
    )


def test_growing_undoes_shrinking_and_says_before_what_it_takes() -> None:
    splats, thing = carrying()
    scene = splatseg.Scene(splats, "things", table_of_file(splats), hierarchy=halves(thing))
    scene.segments.rename(3, "lid")
    mug = scene.click(CAMERA, pixel_on(scene.splats, thing == 1))
    assert mug.describe_grow() == "lid, 40 Gaussians"
    assert mug.describe_shrink() == "part of segment 1, 20 Gaussians"
    np.testing.assert_array_equal(mug.grow().shrink().members, mug.members)
    np.testing.assert_array_equal(mug.shrink().grow().members, mug.members)
    edited = mug - scene.brush(CAMERA, [pixel_on(scene.splats, thing == 1)], 3.0)
    np.testing.assert_array_equal(edited.grow().shrink().members, edited.members)
    assert mug.grow(3).describe_grow() == ""


def test_an_unknown_view_is_told(plain: tuple[splatseg.Scene, np.ndarray]) -> None:
    with pytest.raises(PromptError, match=r"plain has no capture, so no view '012\.jpg'; give a camera instead"):
        plain[0].lasso("012.jpg", [(0, 0), (1, 0), (1, 1)])
