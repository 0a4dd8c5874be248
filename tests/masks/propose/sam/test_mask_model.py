"""Mask models of every family: loaded from a folder as a user has it, and asked about boxes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_mask_models import FAMILIES

from splatseg.errors import WeightsError
from splatseg.masks.propose.sam.mask_model import load_mask_model
from splatseg.models.transformers_library import import_transformers


@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_loaded_and_answers_boxes(
    tiny_model: Callable[[str], Path], picture: np.ndarray, family: str, precision: str
) -> None:
    model = load_mask_model(tiny_model(family), precision=precision)  # type: ignore[arg-type]
    assert model.family == family and model.device.type == "cpu"
    assert model.dtype == (torch.float32 if precision == "auto" else torch.bfloat16)
    masks, scores = model.masks_of_boxes(picture, np.array([[10, 10, 60, 50], [0, 0, 160, 96.0], [90, 20, 150, 90]]))
    assert masks.shape == (3, 96, 160) and masks.dtype == bool and scores.dtype == np.float32
    assert scores.shape == (3,) and np.isfinite(scores).all() and 0 < masks.mean() < 1
    none, no_scores = model.masks_of_boxes(picture, np.zeros((0, 4)))
    assert none.shape == (0, 96, 160) and no_scores.shape == (0,)


@pytest.mark.parametrize("family", ["sam", "sam2"])
def test_a_mask_of_a_box_does_not_depend_on_the_other_boxes(
    tiny_model: Callable[[str], Path], picture: np.ndarray, family: str
) -> None:
    model = load_mask_model(tiny_model(family))
    boxes = np.array([[10, 10, 60, 50], [90, 20, 150, 90.0]])
    together, _ = model.masks_of_boxes(picture, boxes)
    for box, mask in zip(boxes, together, strict=True):
        alone, _ = model.masks_of_boxes(picture, box[None])
        assert (alone[0] != mask).mean() < 1e-3


def test_a_checkpoint_of_the_video_model_is_loaded_as_the_image_model(
    tiny_model: Callable[[str], Path], picture: np.ndarray
) -> None:
    model = load_mask_model(tiny_model("sam2_video"))
    assert model.family == "sam2" and type(model.model).__name__ == "Sam2Model"
    masks, _ = model.masks_of_boxes(picture, np.array([[10, 10, 60, 50.0]]))
    assert masks.shape == (1, 96, 160)


def test_places_without_a_model_are_told_apart(tiny_model: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"there is no model '/gone/away'"):
        load_mask_model("/gone/away")
    with pytest.raises(
        WeightsError, match=r"there is no model 'proposals'; give the folder of a transformers model, or"
    ):
        load_mask_model("proposals")
    with pytest.raises(WeightsError, match=r"holds no model: config\.json is absent"):
        load_mask_model(tmp_path)
    (tmp_path / "sam.pth").write_bytes(b"x")
    with pytest.raises(
        WeightsError, match=r"sam\.pth is a file, but a model is a folder .*convert original checkpoints"
    ):
        load_mask_model(tmp_path / "sam.pth")
    shutil.copy(tiny_model("sam") / "config.json", tmp_path)
    with pytest.raises(WeightsError, match=r"holds no weights \(\*\.safetensors\); fetch the whole model"):
        load_mask_model(tmp_path)


def test_a_hub_name_that_cannot_be_fetched_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*names: object, **options: object) -> None:
        raise OSError("We couldn't connect to the hub\nmore lines")

    monkeypatch.setattr(import_transformers().AutoConfig, "from_pretrained", offline)
    with pytest.raises(
        WeightsError, match=r"^the model 'some/sam' is neither a folder here nor could it be fetched .*[^.]$"
    ):
        load_mask_model("some/sam")


def test_damaged_incomplete_and_foreign_models_are_refused(tiny_model: Callable[[str], Path], tmp_path: Path) -> None:
    whole = tiny_model("sam")
    cut = shutil.copytree(whole, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((whole / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"the model in .*cut cannot be loaded .*; fetch it again"):
        load_mask_model(cut)
    strange = shutil.copytree(whole, tmp_path / "strange")
    config = json.loads((whole / "config.json").read_text())
    config["vision_config"]["num_hidden_layers"] = 3
    (strange / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=r"lack \d+ tensors of a SamModel \(vision_encoder\.layers\.2"):
        load_mask_model(strange)
    (strange / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(
        WeightsError, match="is of the kind 'bert', which does not make masks from points; use one of sam"
    ):
        load_mask_model(strange)
    (strange / "config.json").write_text("{broken")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_mask_model(strange)


@pytest.mark.parametrize("device", ["cuda:7", "toaster"])
def test_a_device_that_is_not_there_is_told(tiny_model: Callable[[str], Path], device: str) -> None:
    if device.startswith("cuda") and torch.cuda.device_count() > 7:
        pytest.skip("this machine has that many GPUs")
    with pytest.raises(WeightsError, match=f"the device '{device}' is not available here .*; use auto or cpu"):
        load_mask_model(tiny_model("sam"), device=device)
