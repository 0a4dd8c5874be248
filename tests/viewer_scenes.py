"""Small scenes to look at: the three `things`, with features, segments, a hierarchy; as a run, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scenes import ring, things

from splatseg.cameras.camera import Camera
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.cluster.hierarchy_file import write_hierarchy
from splatseg.demo.demo import demo_capture
from splatseg.formats.ply.ply import write_ply
from splatseg.run.create import create_run
from splatseg.run.folder import Run
from splatseg.run.settings import CaptureSettings, RunSettings
from splatseg.scene.table import table_of_file
from splatseg.segments.segment import describe_segments
from splatseg.segments.segments_json import write_segments
from splatseg.splats.splats import Splats
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.workspace import Workspace

CAMERA = ring(4, width=120, height=80, focal=90.0)[0]
"""From the side; things 1 and 2 stand left and right, 3 above."""

ALONG = Camera(
    np.array([[0.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 3.0], [0.0, 0.0, 0.0, 1.0]]),
    CAMERA.K,
    CAMERA.width,
    CAMERA.height,
)
"""Along the x axis: thing 1 stands before thing 2."""


def carrying() -> tuple[Splats, np.ndarray]:
    """The things as a file with all that can be selected by, and the thing (N,) of each Gaussian."""
    splats, thing = things()
    features = np.eye(8)[thing] + 0.02 * np.random.default_rng(0).normal(size=(len(thing), 8))
    colors = torch.tensor(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])[thing], dtype=torch.float32)
    ids = torch.tensor(thing, dtype=torch.int32)
    return splats.replace(features=torch.tensor(features).float(), segment_ids=ids, sh0=colors), thing


def halves(thing: np.ndarray) -> Hierarchy:
    """Atoms are halves of the things; things are one from 0.3 on, 1 and 3 from 0.8 on."""
    atoms = 2 * thing - np.arange(len(thing)) % 2
    merges = np.array([[1, 2], [3, 4], [5, 6], [7, 9]], dtype=np.int32)
    return Hierarchy(atoms.astype(np.int32), merges, np.array([0.3, 0.3, 0.3, 0.8], dtype=np.float32))


def scene(hierarchy: bool = True) -> tuple[ShownScene, np.ndarray]:
    """Without a run: nothing is written."""
    splats, thing = carrying()
    known = halves(thing) if hierarchy else None
    made = ShownScene(splats, "things", table_of_file(splats), hierarchy=known)
    return made, thing


def workspace(hierarchy: bool = True) -> tuple[Workspace, np.ndarray]:
    """A new one, in a scene of its own."""
    made, thing = scene(hierarchy)
    return Workspace(made), thing


def run(folder: Path) -> tuple[Run, np.ndarray]:
    """A run of the things; its views are those of the demo."""
    made = create_run(folder / "run", RunSettings.of(CaptureSettings(str(demo_capture()))))
    splats, thing = carrying()
    write_ply(made.splats_path, splats)
    write_hierarchy(made.hierarchy_path, halves(thing))
    write_segments(made.segments_path, describe_segments(splats, {1: "left", 2: "right", 3: "top"}))
    return made, thing


def pixel_on(splats: Splats, members: np.ndarray, camera: Camera = CAMERA) -> tuple[float, float]:
    """A pixel in the middle of some Gaussians."""
    pixels, _ = camera.project(splats.means.numpy()[members].astype(np.float64))
    x, y = np.median(pixels, axis=0)
    return float(x), float(y)


def on(space: Workspace, members: np.ndarray) -> tuple[float, float]:
    """The same in a workspace's scene."""
    return pixel_on(space.scene.splats, members)
