"""The measurements of accuracy: tables, pictures of the worst, and one scene from masks to figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from accuracy import FAMILY, scenes_of
from accuracy_prompts import GRANULARITIES
from accuracy_rows import Measuring, rows
from accuracy_scene import Scene, ceiling
from accuracy_table import COLUMNS, header, line, over_scenes, over_seeds, value_of
from accuracy_worst import Worst, filled
from disturbances import Masking
from PIL import Image
from votes_figures import FIGURES, Case, VotedScene

import splatseg
from splatseg.evaluate.segmentation import adjusted_rand_index, iou, panoptic_quality
from splatseg.render.overlays import SELECTED


def facts(scene: str, seed: int, click: float, **more: object) -> dict:
    return {"scene": scene, "masks": "masks_sim", "method": "lift", "seed": seed, "click_of_ceiling": click} | more


def cell(text: str, title: str) -> str:
    place = list(COLUMNS).index(title)
    start = len(header()) - 9 * (len(COLUMNS) - place)
    return text[start : start + 9].strip()


def test_every_title_stands_over_its_figure():
    assert cell(header(), "click") == "click"
    assert cell(line(facts("desk", 0, 0.5)), "click") == "0.500"
    assert cell(line(facts("desk", 0, 0.5)), "box") == "nan"


def test_seconds_are_summed_over_the_parts_of_a_row():
    assert value_of(facts("desk", 0, 0.5, seconds={"votes": 1.5, "clustering": 2.0}), "seconds") == 3.5


def test_mean_and_spread_are_those_of_the_seeds_that_were_measured():
    found = [facts("desk", 0, 0.9), facts("desk", 1, 0.7), facts("desk", 2, 0.8)]
    found.append({"scene": "desk", "masks": "masks_sim", "method": "lift", "seed": 3, "error": "no masks"})
    mean, spread = over_seeds(found)
    assert (cell(mean, "click"), cell(spread, "click")) == ("0.800", "0.200")
    assert over_seeds(found[:1]) == []
    assert "no masks" in line(found[3])


def test_a_scene_counts_once_whatever_its_number_of_seeds():
    found = [facts("desk", 0, 0.9), facts("desk", 1, 0.7), facts("toys", 0, 0.4)]
    mean, spread = over_scenes(found)
    assert cell(mean, "click") == "0.600"  # of 0.8 and 0.4
    assert cell(spread, "click") == "0.100"  # of 0.2 and 0
    assert mean.startswith("2 scenes")


def test_a_scene_without_stuff_does_not_hide_that_of_the_others():
    mean = over_scenes([facts("desk", 0, 0.9, click_stuff=0.5), facts("toys", 0, 0.4)])[0]
    assert cell(mean, "stuff") == "0.500"


def test_the_family_disturbs_all_masks_and_levels_of_nested_ones_only():
    maskings = [Masking.of(text) for text in FAMILY]
    assert {masking.folder for masking in maskings} == {"masks_sam", "masks_sim", "masks_nested", "proposals"}
    assert {masking.folder for masking in maskings if masking.level} == {"masks_sam", "masks_nested", "proposals"}
    assert {masking.views for masking in maskings} == {None, 8, 16}
    assert len(set(FAMILY)) == len(FAMILY)


def test_the_family_is_every_scene_with_truth(tmp_path: Path):
    for name in ("desk", "toys"):
        (tmp_path / "family" / name).mkdir(parents=True)
    assert [path.name for path in scenes_of(tmp_path)] == ["desk", "toys", "tabletop", "demo", "kitchen"]


def test_what_was_found_is_amber_and_the_truth_an_outline():
    image = np.full((20, 30, 3), 100, dtype=np.uint8)
    found, true = np.zeros((2, 20, 30), dtype=bool)
    found[2:8, 2:8] = True
    true[10:18, 15:25] = True
    picture = filled(image, found, true)
    assert picture[4, 4].tolist() == [round(0.5 * 80 + 0.5 * channel) for channel in SELECTED]
    assert picture[14, 20].tolist() == picture[0, 29].tolist() == [80, 80, 80]  # inside the outline, and beside
    assert (picture[14] == 255).all(1).sum() == 2  # the two sides of the outline


@dataclass
class OneView:
    """As much of a scene as a picture needs: one view, objects 1, 2, 3 side by side, nothing found."""

    path: Path = Path("room")
    image: np.ndarray = field(default_factory=lambda: np.full((12, 30, 3), 90, dtype=np.uint8))

    @property
    def run(self) -> SimpleNamespace:
        view = SimpleNamespace(name="0.jpg", image=lambda: self.image)
        return SimpleNamespace(capture=SimpleNamespace(split=lambda _: [view]))

    @property
    def truth(self) -> SimpleNamespace:
        return SimpleNamespace(label_maps={"0.jpg": np.repeat(np.arange(1, 4), 10)[None].repeat(12, 0)})


def scores(*ious: float) -> SimpleNamespace:
    names = ("cup", "pan", "jar")
    found = [
        SimpleNamespace(prompt=SimpleNamespace(id=i + 1), name=names[i], iou=iou, views=())
        for i, iou in enumerate(ious)
    ]
    return SimpleNamespace(things=found)


def test_the_objects_furthest_below_the_ceiling_are_drawn_each_once(tmp_path: Path):
    worst, ceilings = Worst(2, tmp_path), {1: 0.5, 2: 1.0, 3: 1.0}
    worst.add(OneView(), "masks_sim", "click", scores(0.45, 0.6, 0.8), ceilings, {})  # shares 0.9, 0.6, 0.8
    worst.add(OneView(), "masks_sim,drop=0.3", "click", scores(0.45, 0.5, 0.8), ceilings, {})  # the pan again
    worst.add(OneView(), "masks_sim", "box", scores(0.0, 0.0, 0.0), ceilings, {})
    names = [path.name for path in worst.write()]
    assert names == ["click-1-room-masks_sim,drop=0.3-pan-0.50.png", "click-2-room-masks_sim-jar-0.80.png"]
    assert Image.open(tmp_path / names[0]).size == (30, 12)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The embedded demo, small and hardly fitted: figures are low, but all of them are there."""
    work, path = tmp_path_factory.mktemp("accuracy"), splatseg.demo_capture()
    settings = splatseg.RunSettings.of(splatseg.CaptureSettings(str(path), downscale=4), iterations=60)
    splatseg.train_run(splatseg.start_run(work / "run", settings))
    return Scene.load(path, work, work / "run", 0)


@pytest.mark.slow
def test_a_row_has_every_figure_and_the_best_is_never_worse_than_the_usual(demo: Scene):
    top, _ = ceiling(demo)
    found = rows(demo, top, "masks,views=8", "lift", 0, Measuring())
    assert len(found) == 1
    assert all(np.isfinite(value_of(found[0], title)) for title in COLUMNS)
    assert found[0]["cut_miou"] >= found[0]["click_miou"] - 1e-9  # 1/2 is one of the cuts
    assert found[0]["pq_cut"] >= found[0]["pq_things"] - 1e-9
    assert found[0]["level_miou"] >= found[0]["click_miou"] - 1e-9
    assert found[0]["cut_at"] in GRANULARITIES


@pytest.mark.slow
@pytest.mark.parametrize("method", ["contrast", "paper"])
def test_other_methods_have_the_same_columns(demo: Scene, method: str):
    top, _ = ceiling(demo)
    found = rows(demo, top, "masks,views=8", method, 0, Measuring(share=0.01))
    assert all(np.isfinite(value_of(found[0], title)) for title in COLUMNS)
    assert found[0]["method"] == method


@pytest.mark.slow
def test_all_figures_of_votes_are_there_for_a_scene(demo: Scene):
    voted = VotedScene(demo)
    case = Case(voted, "masks", 0)
    splats, knowledge = case.usual
    assert knowledge.hierarchy is not None
    for name in FIGURES:
        assert 0.0 < case.figure(name, splats, knowledge) <= 1.1, name
    # A segment under a click is a node, but for its corrected boundary.
    assert voted.node(knowledge.hierarchy) > voted.click(splats.segment_ids.numpy()) - 0.05


def voted_pixels(labels: np.ndarray) -> VotedScene:
    """A scene whose Gaussians are pixels, labels (V,N); 0 = no object, 4 = stuff."""
    voted = object.__new__(VotedScene)
    voted.scene = SimpleNamespace(labels=np.arange(5), no_things=(0, 4))
    voted.true = (labels[..., None] == np.arange(5)).astype(np.float32)
    return voted


@pytest.mark.parametrize("seed", range(4))
def test_where_gaussians_are_pixels_figures_of_votes_are_those_of_pixels(seed: int):
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.integers(0, 5, (2, 12)), 300, axis=1)
    ids = np.where(rng.random(3600) < 0.8, labels[0], rng.integers(0, 6, 3600))
    voted, shown = voted_pixels(labels), np.tile(ids, 2)
    quality = panoptic_quality(shown, labels.ravel(), ignore=(0, 4))
    assert voted.panoptic(ids) == pytest.approx(quality.pq, abs=1e-6)
    assert voted.rand(ids) == pytest.approx(adjusted_rand_index(shown, labels.ravel(), ignore=(0, 4)), abs=1e-6)
    voted._views = {"0.png": 0, "1.png": 1}
    prompt = SimpleNamespace(id=1, test_views=("0.png", "1.png"))
    true = [iou((ids == 1)[None], (of_view == 1)[None]) for of_view in labels]
    assert voted.iou(ids == 1, prompt) == pytest.approx(np.mean(true))
