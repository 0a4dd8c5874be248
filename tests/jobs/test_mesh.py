"""Exports of meshes, and of splats in metres by a known length."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from mesh_scenes import ball

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.cameras.coordinates import Coordinates
from splatseg.cameras.orbit import looking_at
from splatseg.errors import OutputError, PromptError
from splatseg.formats.read import load_splats
from splatseg.jobs.export import Source, export_source
from splatseg.render.distance import distance_between, surface_point
from splatseg.requests.exporting import ExportOptions
from splatseg.run.folder import Run
from splatseg.segments.segment import describe_segments
from splatseg.splats.splats import Splats

UP = np.array([0.0, 0.0, 1.0])
CAMERA = looking_at(np.zeros(3), np.array([0.0, -6.0, 0.0]), UP, centred_lens(200.0, 200, 100), 200, 100)
"""Sees two balls of radius 1 at x = -2 and 2 from 6 units in front of them, a unit is some 33 pixels."""


def joined(parts: list[Splats]) -> Splats:
    tensors = {
        field.name: torch.cat([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(Splats)
        if isinstance(getattr(parts[0], field.name), torch.Tensor)
    }
    return dataclasses.replace(parts[0], **tensors)


@pytest.fixture(scope="module")
def two_balls() -> Source:
    parts = [ball(centre=(2.0 * side, 0.0, 0.0), count=1500) for side in (-1, 1)]
    few = ball(0.1, (0.0, 0.0, 3.0), count=4)
    ids = [torch.full((len(part),), number, dtype=torch.int32) for number, part in enumerate([*parts, few], 1)]
    splats = joined([*parts, few]).replace(segment_ids=torch.cat(ids))
    return Source(splats, describe_segments(splats, {1: "left", 2: "right", 3: "crumb"}))


class FilmedBalls:
    """Of a run what an export needs: a capture with one view."""

    def __init__(self, camera: Camera) -> None:
        view = SimpleNamespace(camera=camera, seen_by=camera, photograph="front.jpg", name="front.jpg")
        self.capture: Any = SimpleNamespace(view=self._view, split=lambda _: (view,))
        self._only = view

    def _view(self, name: str) -> Any:
        if name != "front.jpg":
            raise PromptError(f"there is no view {name!r}")
        return self._only

    def owns(self, path: Path) -> bool:
        return False


def filmed(source: Source, camera: Camera = CAMERA) -> Source:
    return dataclasses.replace(source, run=cast(Run, FilmedBalls(camera)))


def test_all_segments_are_nodes_of_one_file_and_those_without_a_surface_are_named(
    tmp_path: Path, two_balls: Source
) -> None:
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("fast_simplification")
    path = tmp_path / "balls.glb"
    said = export_source(two_balls, path, ExportOptions(mesh=True, faces=600, watertight=True))
    assert said.startswith("wrote 2 meshes of 1,") and said.endswith("; no surface: crumb")
    scene = trimesh.load_scene(path)
    assert set(scene.graph.nodes_geometry) == {"left", "right"}
    for name, x in (("left", 2.0), ("right", -2.0)):  # a glTF has x to the left
        found = scene.geometry[name]
        assert found.is_watertight and len(found.faces) <= 600 and found.bounds.mean(0)[0] == pytest.approx(x, abs=0.1)


def test_a_hull_is_written_in_metres(tmp_path: Path, two_balls: Source) -> None:
    trimesh = pytest.importorskip("trimesh")
    options = ExportOptions(mesh=True, hull=True, segment=(2,), length=("front.jpg", "60,50", "140,50", 0.4))
    said = export_source(filmed(two_balls), tmp_path / "hull.stl", options)
    factor = float(said.split("; in metres, ")[1].split(" a unit")[0])
    hull = trimesh.load_mesh(tmp_path / "hull.stl")
    assert hull.is_convex and hull.is_watertight
    assert hull.extents == pytest.approx(np.full(3, 2.1 * factor), rel=0.05)


def test_a_known_length_scales_a_splat(tmp_path: Path, two_balls: Source) -> None:
    first, second = (60.0, 50.0), (140.0, 50.0)
    length = distance_between(two_balls.splats, CAMERA, first, second)
    said = export_source(
        filmed(two_balls), tmp_path / "balls.ply", ExportOptions(length=("front.jpg", "60,50", "140,50", 0.4))
    )
    assert said.endswith(f"; in metres, {0.4 / length:.6g} a unit of the scene")
    scaled = load_splats(tmp_path / "balls.ply")[0]
    assert np.allclose(scaled.own_positions, two_balls.splats.own_positions * 0.4 / length, atol=1e-5)
    assert torch.allclose(scaled.scales, two_balls.splats.scales * 0.4 / length)


def test_a_distance_is_that_of_the_surfaces() -> None:
    splats = ball()
    place = surface_point(splats, CAMERA, (100.0, 50.0))
    assert place == pytest.approx([0.0, -1.0, 0.0], abs=0.02)
    # The ray at 45 degrees to the middle of the ball meets it where it is nearer by cos 45.
    pixel = CAMERA.project(np.array([[math.sqrt(0.5), -math.sqrt(0.5), 0.0]]))[0][0]
    length = distance_between(splats, CAMERA, (100.0, 50.0), (float(pixel[0]), float(pixel[1])))
    assert length == pytest.approx(math.sqrt(2 - math.sqrt(2)), abs=0.03)
    far = dataclasses.replace(splats, coordinates=Coordinates((1e6, 0.0, 0.0), 2.0))
    assert distance_between(far, CAMERA, (100.0, 50.0), tuple(pixel.tolist())) == pytest.approx(2 * length, abs=1e-4)


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (("front.jpg", "60,50", "100,50", 0.4), r"pixel \(100, 50\) of front.jpg shows nothing; point at a surface$"),
        (("front.jpg", "60,50", "999,50", 0.4), r"pixel \(999, 50\) lies outside front.jpg, which has 200x100 pixels"),
        (("front.jpg", "60,50", "60,50", 0.4), "both pixels of front.jpg show the same point; give the two ends"),
        (("front.jpg", "60,50", "here", 0.4), "--length takes VIEW X,Y X,Y METRES, and 'here' is no X,Y in pixels"),
        (("front.jpg", "60,50", "140,50", 0.0), "--length is 0 metres; give a length above 0"),
        (("back.jpg", "60,50", "140,50", 1.0), "there is no view 'back.jpg'"),
    ],
)
def test_a_length_that_is_none_is_refused(
    tmp_path: Path, two_balls: Source, length: tuple[str, str, str, float], message: str
) -> None:
    for options in (ExportOptions(length=length), ExportOptions(length=length, mesh=True, format="glb")):
        with pytest.raises(PromptError, match=message):
            export_source(filmed(two_balls), tmp_path / "x.ply", options)
    assert not list(tmp_path.iterdir())


def test_options_that_exclude_each_other_are_refused(tmp_path: Path, two_balls: Source) -> None:
    path = tmp_path / "x.glb"
    for wrong in (ExportOptions(faces=9), ExportOptions(hull=True), ExportOptions(watertight=True)):
        with pytest.raises(PromptError, match="--faces, --watertight and --hull are of meshes; give --mesh with them"):
            export_source(two_balls, path, wrong)
    for wrong in (ExportOptions(mesh=True, each=True), ExportOptions(mesh=True, rest=True)):
        with pytest.raises(PromptError, match="--mesh writes one file of meshes; leave out --each, --rest, --plain"):
            export_source(two_balls, path, wrong)
    with pytest.raises(PromptError, match="--length names a view, and a splat file has none; give a run"):
        export_source(two_balls, path, ExportOptions(length=("a.jpg", "1,1", "2,2", 1.0)))
    with pytest.raises(PromptError, match="--layout inria writes cameras in the unit of the capture; leave out"):
        options = ExportOptions(layout="inria", length=("front.jpg", "60,50", "140,50", 1.0))
        export_source(filmed(two_balls), tmp_path / "folder", options)
    with pytest.raises(OutputError, match=r"x.usdz has no suffix of a mesh; there are .glb, .obj, .stl, .ply$"):
        export_source(two_balls, tmp_path / "x.usdz", ExportOptions(mesh=True))
    with pytest.raises(PromptError, match=r"x.glb was not written: crumb: 4 Gaussians are too few for a surface"):
        export_source(two_balls, path, ExportOptions(mesh=True, segment=(3,)))
    assert not list(tmp_path.iterdir())
