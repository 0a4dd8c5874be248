"""Meshes of splats whose surface is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mesh_scenes import ball, box, overlap, silhouette

from splatseg.cameras.camera import centred_lens
from splatseg.cameras.coordinates import Coordinates
from splatseg.cameras.orbit import looking_at
from splatseg.errors import OutputError, PromptError
from splatseg.mesh.build import RESOLUTION, mesh_of_splats
from splatseg.mesh.mesh import Mesh
from splatseg.mesh.simplify import mended, simplified
from splatseg.render.rgb import render_channels
from splatseg.splats.splats import Splats


@pytest.fixture(scope="module")
def round_mesh() -> Mesh:
    return mesh_of_splats(ball())


@pytest.fixture(scope="module")
def square_mesh() -> Mesh:
    return mesh_of_splats(box())


def test_a_ball_is_within_a_voxel_of_its_surface(round_mesh: Mesh) -> None:
    voxel = 2.1 / RESOLUTION
    distance = np.abs(np.linalg.norm(round_mesh.vertices, axis=1) - 1.0)
    assert distance.mean() < voxel and np.quantile(distance, 0.99) < 1.2 * voxel
    assert round_mesh.volume == pytest.approx(4 / 3 * math.pi, rel=0.05)  # a voxel is 2 % of the radius


def test_a_box_is_within_a_voxel_of_its_faces(square_mesh: Mesh) -> None:
    outside = np.abs(square_mesh.vertices) - np.array([0.5, 0.3, 0.2])
    distance = np.where((outside < 0).all(1), np.abs(outside.max(1)), np.linalg.norm(np.maximum(outside, 0), axis=1))
    assert np.quantile(distance, 0.95) < 1.1 / RESOLUTION


def test_a_mesh_closes_and_faces_outwards(round_mesh: Mesh) -> None:
    edges = np.concatenate([round_mesh.faces[:, pair] for pair in ((0, 1), (1, 2), (2, 0))])
    counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)[1]
    assert (counts == 2).all() and round_mesh.is_watertight and round_mesh.volume > 0
    assert not Mesh(round_mesh.vertices, round_mesh.faces[1:], round_mesh.colors).is_watertight


def test_vertices_have_the_colour_of_their_side(round_mesh: Mesh) -> None:
    right, left = round_mesh.vertices[:, 0] > 0.3, round_mesh.vertices[:, 0] < -0.3
    assert np.abs(np.median(round_mesh.colors[right], axis=0) - [230, 26, 26]).max() <= 6
    assert np.abs(np.median(round_mesh.colors[left], axis=0) - [26, 26, 230]).max() <= 6


@pytest.mark.parametrize("made", [ball, box])
def test_a_mesh_has_the_silhouette_of_its_splat(made: Callable[[], Splats], request: pytest.FixtureRequest) -> None:
    splats = made()
    mesh = request.getfixturevalue("round_mesh" if made is ball else "square_mesh")
    for angle in (0.3, 1.7, 4.0):
        place = 5.0 * np.array([math.cos(angle), math.sin(angle), 0.4])
        camera = looking_at(np.zeros(3), place, np.array([0.0, 0.0, 1.0]), centred_lens(600.0, 320, 320), 320, 320)
        seen = render_channels(splats, camera, torch.ones(len(splats), 1))[..., 0].numpy() > 0.5
        assert overlap(seen, silhouette(mesh, camera)) > 0.95


def test_what_the_capture_did_not_see_is_closed_by_the_outline() -> None:
    whole = ball()
    half = whole.subset(whole.means[:, 2] > -0.3)
    above = np.array([[3.0, 0.0, 3.0], [-3.0, 0.0, 3.0], [0.0, 3.0, 3.0], [0.0, -3.0, 3.0], [0.0, 0.0, 4.0]])
    solid = mesh_of_splats(half, above)
    assert solid.is_watertight
    cap = math.pi * 1.3**2 * (3 - 1.3) / 3  # of height 1.3; no outline shows how flat its underside is
    assert cap < solid.volume < 1.3 * cap and solid.vertices[:, 2].min() > -0.6
    assert mesh_of_splats(half).volume < 0.5 * cap  # seen from all sides it is the bowl that its Gaussians are


def test_a_mesh_is_in_the_users_own_coordinates() -> None:
    far = Coordinates((4e5, 5e6, 100.0), 2.0)
    placed = mesh_of_splats(dataclasses.replace(ball(count=1500), coordinates=far))
    assert np.abs(placed.vertices.mean(0) - far.centre).max() < 0.1
    assert placed.volume == pytest.approx(8 * 4.4, rel=0.1) and placed.is_watertight


@pytest.mark.parametrize("faces", [5000, 500, 60])
def test_a_mesh_has_the_faces_that_are_asked_for_and_still_closes(round_mesh: Mesh, faces: int) -> None:
    pytest.importorskip("fast_simplification")
    vertices, triangles = simplified(round_mesh.vertices, round_mesh.faces, faces)
    fewer = Mesh(vertices, triangles, np.zeros((len(vertices), 3), np.uint8))
    assert 0.6 * faces <= len(triangles) <= faces and fewer.is_watertight
    assert fewer.volume == pytest.approx(round_mesh.volume, rel=0.15)


def test_torn_faces_are_mended() -> None:
    def pyramid(a: int, b: int, c: int, d: int) -> list[tuple[int, int, int]]:
        return [(a, b, c), (a, c, d), (a, d, b), (b, d, c)]

    torn = [*pyramid(0, 1, 2, 3), *pyramid(0, 1, 4, 5), (1, 6, 2), (2, 6, 1)]
    points = np.random.default_rng(0).normal(size=(7, 3))
    vertices, faces = mended(points, np.array(torn, np.int32))
    # The flap is gone, and the edge of two pyramids is two edges, or one has a corner in the middle.
    assert len(faces) in (8, 10) and Mesh(vertices, faces, np.zeros((len(vertices), 3), np.uint8)).is_watertight


def test_a_hull_holds_its_mesh_and_is_convex(square_mesh: Mesh) -> None:
    hull = square_mesh.hull()
    assert hull.is_watertight and hull.volume == pytest.approx(0.24, rel=0.12)
    a, b, c = (hull.vertices[hull.faces[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    assert (((hull.vertices[None] - a[:, None]) * normals[:, None]).sum(-1) < 1e-9).all()


def test_nothing_solid_is_refused_in_a_sentence() -> None:
    with pytest.raises(PromptError, match=r"5 Gaussians are too few for a surface; select at least 8$"):
        mesh_of_splats(ball().subset(torch.arange(5)))
    haze = ball(count=1500).replace(opacity_logits=torch.full((1500,), -8.0))
    with pytest.raises(PromptError, match="1,500 Gaussians are too few or too transparent to have a surface; select"):
        mesh_of_splats(haze)
    with pytest.raises(OutputError, match="--faces 3 is no closed surface; give 4 or more"):
        mesh_of_splats(ball(count=400), faces=3)
    flat = Mesh(np.eye(3), np.array([[0, 1, 2]]), np.zeros((3, 3), np.uint8))
    with pytest.raises(OutputError, match="the object is flat and has no convex hull; export it without --hull"):
        flat.hull()


def test_the_same_splat_gives_the_same_bits(round_mesh: Mesh) -> None:
    again = mesh_of_splats(ball())
    assert np.array_equal(again.vertices, round_mesh.vertices) and np.array_equal(again.colors, round_mesh.colors)


def test_cameras_within_an_object_tell_no_direction_and_all_are_believed() -> None:
    inside, outside = (mesh_of_splats(ball(count=400), seen) for seen in (np.zeros((3, 3)), None))
    assert np.array_equal(inside.vertices, outside.vertices)
