"""What lies in a region of a picture: seen there, or behind it; through a lens, too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lenses import fisheye
from scenes import ring, things

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import LensCamera
from splatseg.errors import PromptError
from splatseg.raster.interface import accumulate
from splatseg.regions.drawn import lasso_pixels
from splatseg.regions.sight import Sight, Sights, _most, _unhidden
from splatseg.select.session import Session
from splatseg.splats.splats import Splats

CAMERA = ring(4, width=120, height=80, focal=90.0)[0]
"""Along -z, from z = 3."""


def wall_and_ball(opacity_logit: float = 4.0) -> tuple[Splats, np.ndarray]:
    """A ball of Gaussians behind a dense wall, and which of them are the wall's."""
    ball, _ = things(((0.0, 0.0, -0.5),))
    across = np.stack(np.meshgrid(np.linspace(-1, 1, 25), np.linspace(-1, 1, 25), [0.5]), axis=-1).reshape(-1, 3)
    count = len(across) + len(ball)
    splats = Splats(
        means=torch.cat([torch.from_numpy(across).float(), ball.means]),
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1),
        log_scales=torch.cat([torch.full((len(across), 3), float(np.log(0.06))), ball.log_scales]),
        opacity_logits=torch.cat([torch.full((len(across),), opacity_logit), ball.opacity_logits]),
        sh0=torch.zeros(count, 3),
        shN=torch.zeros(count, 0, 3),
    )
    return splats, np.arange(count) < len(across)


def everywhere(camera: Camera | LensCamera) -> np.ndarray:
    return np.ones((camera.height, camera.width), dtype=bool)


def test_nothing_behind_a_wall_is_visible_and_everything_is_there() -> None:
    splats, wall = wall_and_ball()
    sight = Sight(Session(splats), CAMERA)
    assert sight.inside(everywhere(CAMERA), visible=True)[wall].mean() > 0.9
    assert not sight.inside(everywhere(CAMERA), visible=True)[~wall].any()
    assert sight.inside(everywhere(CAMERA), visible=False)[~wall].all()


def test_what_is_hidden_hides_nothing_and_is_not_taken() -> None:
    splats, wall = wall_and_ball()
    sight = Sight(Session(splats).without(wall), CAMERA)
    assert sight.inside(everywhere(CAMERA), visible=True)[~wall].mean() > 0.3
    for visible in (True, False):
        assert not sight.inside(everywhere(CAMERA), visible)[wall].any()


def test_through_everything_takes_the_centres_in_the_region() -> None:
    splats, _ = things()
    region = lasso_pixels([(5, 10), (70, 3), (60, 70), (20, 75)], CAMERA.width, CAMERA.height)
    pixels, _ = CAMERA.project(splats.positions.astype(np.float64))
    columns, rows = np.floor(pixels).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < CAMERA.width) & (rows < CAMERA.height)
    inside[inside] = region[rows[inside], columns[inside]]
    np.testing.assert_array_equal(Sight(Session(splats), CAMERA).inside(region, visible=False), inside)


def test_regions_that_share_a_picture_share_what_is_seen() -> None:
    splats, _ = things()
    sight, left = Sight(Session(splats), CAMERA), everywhere(CAMERA)
    left[:, 50:] = False
    for visible in (True, False):
        parts = [sight.inside(each, visible) for each in (left, ~left)]
        assert not (parts[0] & parts[1]).any()
        np.testing.assert_array_equal(parts[0] | parts[1], sight.inside(everywhere(CAMERA), visible))


def test_behind_the_camera_nothing_is_taken() -> None:
    splats, _ = things()
    turned = CAMERA.viewmat.copy()
    turned[[0, 2]] *= -1
    sight = Sight(Session(splats), Camera(turned, CAMERA.K, CAMERA.width, CAMERA.height))
    for visible in (True, False):
        assert not sight.inside(everywhere(CAMERA), visible).any()


def test_a_lens_sees_the_same_things_in_its_own_pixels() -> None:
    splats, thing = things()
    camera = LensCamera(CAMERA.viewmat, fisheye(170.0, 120, 120))
    sight = Sight(Session(splats), camera)
    pixels, _ = camera.project(splats.positions.astype(np.float64))
    middle = np.median(pixels[thing == 1], axis=0)
    rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
    near = np.hypot(columns - middle[0], rows - middle[1]) < 14
    taken = sight.inside(near, visible=True)
    assert taken[thing == 1].sum() > 5
    assert not taken[thing == 2].any()
    assert sight.inside(near, visible=False)[thing == 1].all()


def test_a_sight_is_kept_until_the_camera_or_what_is_hidden_changes() -> None:
    splats, thing = things()
    session, sights = Session(splats), Sights()
    first = sights.sight(session, CAMERA)
    assert sights.sight(session.fork(), Camera(CAMERA.viewmat.copy(), CAMERA.K, 120, 80)) is first
    assert sights.sight(session.without(thing == 1), CAMERA) is not first
    assert sights.sight(session, ring(4, width=120, height=80, focal=90.0)[1]) is not first


def test_a_region_of_another_size_is_refused() -> None:
    sight = Sight(Session(things()[0]), CAMERA)
    with pytest.raises(PromptError, match="the region has 3x2 pixels, the view 120x80; resize the region"):
        sight.inside(np.ones((2, 3), dtype=bool), visible=True)


def test_a_gaussian_alone_has_all_the_light_that_it_would_have_unhidden() -> None:
    # One after another, of all shapes and places: the formula against what the rasteriser gives to each of them.
    rng = np.random.default_rng(0)
    for _ in range(12):
        splats = Splats(
            means=torch.from_numpy(rng.uniform(-0.4, 0.4, (1, 3))).float(),
            quats=torch.from_numpy(rng.normal(size=(1, 4))).float(),
            log_scales=torch.from_numpy(rng.uniform(-4.0, -2.5, (1, 3))).float(),
            opacity_logits=torch.from_numpy(rng.uniform(-2.0, 2.0, 1)).float(),
            sh0=torch.zeros(1, 3),
            shN=torch.zeros(1, 0, 3),
        )
        session, alone = Session(splats), np.array([0])
        weight = float(accumulate(session.plan(CAMERA), torch.ones(CAMERA.height, CAMERA.width, 1))[0, 0])
        assert float(_unhidden(session, CAMERA, alone)[0]) == pytest.approx(weight, rel=0.05)
        assert float(_most(session, CAMERA, alone)[0]) >= float(_unhidden(session, CAMERA, alone)[0]) * (1 - 1e-5)
