"""Detectors with a segmenter, and SAM 3: true classes and processors, random weights, every threshold at nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_language_models as tiny
import tiny_mask_models
import torch
from safetensors.torch import load_file, save_file

from splatseg.errors import SplatsegError, WeightsError
from splatseg.words import grounding
from splatseg.words.grounding import load_grounder

IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)


@pytest.fixture
def everything_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in grounding.BOX_SCORES:
        monkeypatch.setitem(grounding.BOX_SCORES, kind, 0.0)
    monkeypatch.setattr(grounding, "TEXT_SCORE", 0.0)
    monkeypatch.setattr(grounding, "CONCEPT_SCORE", 0.0)


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_mask_models.save_tiny_model("sam2", tmp_path_factory.mktemp("sam2"))


@pytest.mark.parametrize("build", [tiny.tiny_grounding_dino, tiny.tiny_owlv2], ids=lambda f: f.__name__)
@pytest.mark.usefixtures("everything_counts")
def test_boxes_for_words_become_masks_of_the_image(
    build: Callable[[Path], Path], segmenter: Path, tmp_path: Path
) -> None:
    grounder = load_grounder(build(tmp_path / "weights"), segmenter, "cpu")
    masks, scores = grounder.ground(IMAGE, "red mug")
    assert masks.shape == (len(scores), 60, 80) and masks.dtype == bool and len(scores) > 0
    boxes, _ = grounder.boxes(IMAGE, "red mug")  # type: ignore[attr-defined]
    assert (boxes >= 0).all() and (boxes[:, ::2] <= 80).all() and (boxes[:, 1::2] <= 60).all()


@pytest.mark.parametrize("build", [tiny.tiny_sam3, tiny.tiny_sam3_video], ids=lambda f: f.__name__)
@pytest.mark.usefixtures("everything_counts")
def test_sam3_makes_masks_of_words_alone_also_from_the_checkpoint_of_the_video_model(
    build: Callable[[Path], Path], tmp_path: Path
) -> None:
    grounder = load_grounder(build(tmp_path / "weights"), None, "cpu")
    masks, scores = grounder.ground(IMAGE, "red mug")
    assert masks.shape == (len(scores), 60, 80) and masks.dtype == bool and len(scores) > 0


def test_with_true_thresholds_random_weights_find_nothing_and_that_is_no_error(segmenter: Path, tmp_path: Path) -> None:
    grounder = load_grounder(tiny.tiny_owlv2(tmp_path / "weights"), segmenter, "cpu")
    masks, scores = grounder.ground(IMAGE, "red mug")
    assert masks.shape[1:] == (60, 80) and len(masks) == len(scores)


def test_a_detector_without_a_segmenter_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="--segmenter"):
        load_grounder(tiny.tiny_owlv2(tmp_path / "weights"))


def test_a_model_that_finds_no_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not find words in a picture"):
        load_grounder(tiny.tiny_clip(tmp_path / "weights"))


def test_a_segmenter_that_makes_no_masks_is_refused(tmp_path: Path) -> None:
    detector, clip = tiny.tiny_owlv2(tmp_path / "owl"), tiny.tiny_clip(tmp_path / "clip")
    with pytest.raises(SplatsegError, match="does not make masks"):
        load_grounder(detector, clip, "cpu")


@pytest.mark.usefixtures("everything_counts")
def test_weights_stored_in_half_precision_find_boxes_too(segmenter: Path, tmp_path: Path) -> None:
    folder = tiny.tiny_grounding_dino(tmp_path / "weights")
    stored = load_file(folder / "model.safetensors")
    halves = {name: value.half() if value.is_floating_point() else value for name, value in stored.items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "float16"}))
    masks, scores = load_grounder(folder, segmenter, "cpu").ground(IMAGE, "red mug")
    assert masks.shape == (len(scores), 60, 80) and len(scores) > 0


def test_memory_that_runs_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grounder = load_grounder(tiny.tiny_sam3(tmp_path / "weights"), None, "cpu")

    def scarce(*inputs: object, **named: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(grounder._model), "forward", scarce)  # type: ignore[attr-defined]
    with pytest.raises(WeightsError, match=r"no memory to find words in a picture of 80x60 .*use a smaller model"):
        grounder.ground(IMAGE, "red mug")
