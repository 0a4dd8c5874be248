"""Volumes, colours, ranges and floods: which Gaussians they take."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import ring, things
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from splatseg.errors import PromptError
from splatseg.oklab import oklab_of
from splatseg.regions.alike import in_range
from splatseg.regions.flood import Touching
from splatseg.regions.regions import Regions
from splatseg.regions.volumes import in_box, in_sphere
from splatseg.select.session import Session
from splatseg.splats.activations import to_sh0

CAMERA = ring(4, width=120, height=80, focal=90.0)[0]


def colored() -> tuple[Session, np.ndarray]:
    """The three things, red, green and a green that is hardly another."""
    splats, thing = things()
    rgb = np.array([[0.9, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.78, 0.12]])[thing - 1]
    return Session(splats.replace(sh0=torch.from_numpy(to_sh0(rgb)).float())), thing


def test_a_sphere_holds_what_is_near_its_centre() -> None:
    points = np.random.default_rng(0).normal(size=(200, 3))
    near = [np.linalg.norm(point - (0.5, 0.0, 0.0)) <= 1.0 for point in points]
    np.testing.assert_array_equal(in_sphere(points, (0.5, 0.0, 0.0), 1.0), near)
    with pytest.raises(PromptError, match="the radius of the sphere is -1; give a number above 0"):
        in_sphere(points, (0, 0, 0), -1)
    with pytest.raises(PromptError, match="the centre of the sphere is not three finite numbers"):
        in_sphere(points, (0, 0), 1)


def test_a_turned_box_holds_what_the_box_holds_of_points_turned_back() -> None:
    points = np.random.default_rng(1).normal(size=(300, 3))
    lower, upper = np.array([-0.5, -1.0, 0.1]), np.array([1.0, 0.4, 1.5])
    turn, middle = Rotation.from_euler("xyz", (20, 50, -70), degrees=True), (lower + upper) / 2
    back = turn.inv().apply(points - middle) + middle
    x, y, z, w = turn.as_quat()
    expected = ((back >= lower) & (back <= upper)).all(1)
    np.testing.assert_array_equal(in_box(points, lower, upper, (w, x, y, z)), expected)
    np.testing.assert_array_equal(in_box(points, upper, lower), ((points >= lower) & (points <= upper)).all(1))
    with pytest.raises(PromptError, match="the rotation of the box is no quaternion"):
        in_box(points, lower, upper, (0, 0, 0, 0))


def test_a_colour_takes_what_looks_like_it_and_no_more_than_its_tolerance() -> None:
    session, thing = colored()
    pixel = tuple(np.median(CAMERA.project(session.splats.positions[thing == 2].astype(np.float64))[0], axis=0))
    regions = Regions(session)
    narrow, wide = (regions.alike(CAMERA, pixel, each) for each in (0.005, 0.05))
    np.testing.assert_array_equal(narrow, thing == 2)
    np.testing.assert_array_equal(wide, thing != 1)
    apart = np.linalg.norm(oklab_of(np.array([229.5, 25.5, 25.5])) - oklab_of(np.array([25.5, 204.0, 25.5])))
    assert regions.alike(CAMERA, pixel, float(apart) + 0.01).all()
    with pytest.raises(PromptError, match=r"nothing is seen at the pixel \(1, 1\); click on something"):
        regions.alike(CAMERA, (1, 1), 0.1)
    with pytest.raises(PromptError, match="the tolerance is -1; give a distance in OKLab of 0 or more"):
        regions.alike(CAMERA, pixel, -1.0)


def test_ranges_of_opacity_and_size_hold_their_ends() -> None:
    values = np.array([0.0, 0.25, 0.5, 1.0])
    np.testing.assert_array_equal(in_range(values, (0.25, 0.5), "opacity"), [False, True, True, False])
    np.testing.assert_array_equal(in_range(values, (0.3, np.inf), "size"), [False, False, True, True])
    with pytest.raises(PromptError, match=r"the size is to be from 2 to 1; give the smaller number first"):
        in_range(values, (2, 1), "size")
    splats, thing = things()
    larger = splats.replace(log_scales=splats.log_scales + torch.from_numpy(thing == 3).float()[:, None])
    regions = Regions(Session(larger))
    limit = float(np.median(regions.sizes))
    np.testing.assert_array_equal(regions.between(None, (1.5 * limit, np.inf)), thing == 3)
    assert regions.between((0.0, 1.0), None).all()


def test_a_flood_stops_at_a_gap() -> None:
    splats, thing = things(((-2.0, 0.0, 0.0), (2.0, 0.0, 0.0)))
    regions, start = Regions(Session(splats)), np.zeros(len(thing), dtype=bool)
    start[np.flatnonzero(thing == 1)[0]] = True
    np.testing.assert_array_equal(regions.flooded(start), thing == 1)


def test_a_flood_stops_at_an_edge_of_colour_and_stays_within() -> None:
    splats, _ = things(((0.0, 0.0, 0.0),), each=200)
    left = splats.positions[:, 0] < 0
    rgb = np.where(left[:, None], [0.9, 0.1, 0.1], [0.1, 0.1, 0.9])
    regions = Regions(Session(splats.replace(sh0=torch.from_numpy(to_sh0(rgb)).float())))
    start = np.zeros(len(left), dtype=bool)
    start[np.flatnonzero(left)[0]] = True
    assert regions.flooded(start).all()
    np.testing.assert_array_equal(regions.flooded(start, tolerance=0.1), left)
    np.testing.assert_array_equal(regions.flooded(start, within=left), left)
    with pytest.raises(PromptError, match=r"the tolerance is -0\.1"):
        regions.flooded(start, tolerance=-0.1)


def test_steps_of_a_flood_reach_as_far_as_pairs_do() -> None:
    chain = Touching.of_pairs(6, np.array([0, 1, 3, 4]), np.array([1, 2, 2, 5]))
    start = np.array([False, True, False, False, False, False])
    np.testing.assert_array_equal(chain.flooded(start, 0), start)
    np.testing.assert_array_equal(chain.flooded(start, 1), [True, True, True, False, False, False])
    np.testing.assert_array_equal(chain.flooded(start, 9), chain.flooded(start))
    np.testing.assert_array_equal(chain.flooded(start), [True, True, True, True, False, False])
    with pytest.raises(PromptError, match="a flood has -1 steps; give 0 or more"):
        chain.flooded(start, -1)


def test_a_flood_reaches_the_connected_component_of_a_graph() -> None:
    rng = np.random.default_rng(3)
    rows, columns = rng.integers(0, 400, (2, 420))
    pairs = Touching.of_pairs(400, rows, columns)
    graph = coo_array((np.ones(420), (rows, columns)), shape=(400, 400))
    piece = connected_components(graph, directed=False)[1]
    for start in (np.arange(400) == 7, rng.random(400) < 0.02):
        np.testing.assert_array_equal(pairs.flooded(start), np.isin(piece, piece[start]))
    within = rng.random(400) < 0.7
    kept = within[rows] & within[columns]
    graph = coo_array((np.ones(kept.sum()), (rows[kept], columns[kept])), shape=(400, 400))
    piece = connected_components(graph, directed=False)[1]
    start = within & (rng.random(400) < 0.05)
    np.testing.assert_array_equal(pairs.flooded(start, within=within), np.isin(piece, piece[start]))
