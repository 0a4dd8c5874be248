"""Features from masks: two things that masks tell apart become two directions; each term can be switched off."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
import scenes
import torch

from splatseg.cameras.camera import Camera
from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.features.paper.fit import PaperObjective, fit_paper_features
from splatseg.features.paper.settings import PaperSettings
from splatseg.features.report import FeatureReport
from splatseg.files import write_png
from splatseg.masks.segments import Segments, from_label_map
from splatseg.render.rgb import render_channels, render_rgb
from splatseg.splats.initialise import splats_from_points
from splatseg.splats.splats import Splats
from splatseg.train.fit import fit_splats
from splatseg.train.settings import TrainSettings

SETTINGS = PaperSettings(
    iterations=400, channels=4, min_pixels=5, clustering_every=4, clustering_weight=1e-3, spatial_every=8, seed=2
)


@dataclass(frozen=True)
class LabelMaps:
    """Masks in memory."""

    maps: dict[str, np.ndarray]

    def read(self, view: View) -> Segments | None:
        found = self.maps.get(view.name)
        return None if found is None else from_label_map(found)


@dataclass(frozen=True)
class Pair:
    """Two blobs, left and right, seen from two places, with masks whose ids are exchanged in the second view."""

    capture: Capture
    splats: Splats
    masks: LabelMaps
    left: torch.Tensor


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(0)
    left = np.arange(24) < 12
    points = rng.normal(0, 0.12, (24, 3)) + np.where(left, -0.5, 0.5)[:, None] * [1, 0, 0] + [0, 0, 2.5]
    colors = np.where(left[:, None], [200, 40, 40], [40, 40, 200]).astype(np.uint8)
    splats = splats_from_points(points.astype(np.float32), colors, 0)
    splats = splats.replace(opacity_logits=torch.full((24,), 1.5))
    views, maps = [], {}
    for i, shift in enumerate((-0.1, 0.1)):
        viewmat = np.eye(4)
        viewmat[0, 3] = shift
        camera = Camera(viewmat, scenes.camera().K, 24, 16)
        view = View(f"{i}.png", camera, folder / f"{i}.png")
        write_png(folder / view.name, (render_rgb(splats, camera).clamp(0, 1).numpy() * 255).astype(np.uint8))
        shares = render_channels(splats, camera, torch.from_numpy(np.stack([left, ~left], 1)).float()).numpy()
        label_map = np.where(shares.max(-1) > 0.3, 1 + shares.argmax(-1), 0)
        maps[view.name] = np.where(label_map > 0, 3 - label_map, 0) if i else label_map
        views.append(view)
    capture = Capture(folder, tuple(views), points.astype(np.float32), colors, frozenset())
    return Pair(capture, splats, LabelMaps(maps), torch.from_numpy(left))


def separation(splats: Splats, left: torch.Tensor) -> float:
    """Mean cosine within the two blobs less that between them."""
    assert splats.features is not None
    unit = torch.nn.functional.normalize(splats.features, dim=1)
    cosine = unit @ unit.T
    same = left[:, None] == left[None]
    return float(cosine[same].mean() - cosine[~same].mean())


def test_two_things_become_two_directions_though_ids_differ_between_views(pair):
    reports: list[FeatureReport] = []
    found = fit_paper_features(pair.splats, pair.capture.views, pair.masks, SETTINGS, reports.append)
    before = pair.splats.replace(features=PaperObjective(pair.masks, SETTINGS).initial_features(24))
    assert separation(found, pair.left) > separation(before, pair.left) + 0.3
    assert [report.step for report in reports] == [52, 104, 156, 208, 260, 312, 364]
    assert torch.equal(found.means, pair.splats.means)


def test_the_same_seed_gives_the_same_features(pair):
    settings = dataclasses.replace(SETTINGS, iterations=40)
    first, second = (fit_paper_features(pair.splats, pair.capture.views, pair.masks, settings) for _ in range(2))
    assert torch.equal(first.features, second.features)


def test_with_both_terms_off_features_stay_as_they_started(pair):
    settings = dataclasses.replace(SETTINGS, clustering=False, spatial=False)
    found = fit_paper_features(pair.splats, pair.capture.views, pair.masks, settings)
    assert torch.equal(found.features, PaperObjective(pair.masks, settings).initial_features(24))


@pytest.mark.parametrize("term", ["clustering", "spatial"])
def test_each_term_moves_features_by_itself(pair, term):
    both_off = {"clustering": False, "spatial": False}
    settings = dataclasses.replace(SETTINGS, iterations=40, **(both_off | {term: True}))
    objective = PaperObjective(pair.masks, settings)
    assert [step for step in range(1, 17) if objective.due(step)] == (
        [4, 8, 12, 16] if term == "clustering" else [8, 16]
    )
    found = fit_paper_features(pair.splats, pair.capture.views, pair.masks, settings)
    assert not torch.equal(found.features, objective.initial_features(24))


def test_a_view_without_masks_teaches_nothing(pair):
    settings = dataclasses.replace(SETTINGS, iterations=40, spatial=False)
    found = fit_paper_features(pair.splats, pair.capture.views, LabelMaps({}), settings)
    assert torch.equal(found.features, PaperObjective(pair.masks, settings).initial_features(24))


def test_features_start_uniform_in_0_to_1(pair):
    start = PaperObjective(pair.masks, PaperSettings()).initial_features(5000)
    assert start.shape == (5000, 16)
    assert 0 <= float(start.min()) < 0.001 and 0.999 < float(start.max()) <= 1


def test_jointly_features_are_learned_and_the_clustering_loss_moves_the_geometry(pair):
    train = TrainSettings(iterations=60, densify_from=60, reset_every=0, coarse_until=0, surroundings=0)
    plain = fit_splats(pair.capture, train)
    strong = dataclasses.replace(SETTINGS, iterations=60, clustering_weight=1e-2)
    joint = fit_splats(pair.capture, train, objective=PaperObjective(pair.masks, strong))
    off = dataclasses.replace(strong, clustering=False)
    without = fit_splats(pair.capture, train, objective=PaperObjective(pair.masks, off))
    start = pair.splats.replace(features=PaperObjective(pair.masks, strong).initial_features(24))
    assert separation(joint, pair.left) > separation(start, pair.left) + 0.02
    assert not torch.equal(joint.means, plain.means)
    assert torch.equal(without.means, plain.means)  # the spatial term reads positions and does not move them


def test_masks_of_another_size_are_brought_to_that_of_the_rendering(pair):
    objective = PaperObjective(pair.masks, SETTINGS)
    view = pair.capture.views[0]
    rendered = torch.rand(8, 12, 4, requires_grad=True)
    assert float(objective.loss(4, view, rendered, pair.splats.means, torch.rand(24, 4)).detach()) > 0
