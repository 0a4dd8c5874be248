"""All masks of an image: every family, thresholds, batches, crops, precision, and memory that runs out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_mask_models import FAMILIES, SIDE

from splatseg.errors import MaskError
from splatseg.masks.formats.rle import decode_rle
from splatseg.masks.propose.sam.grid_of_points import PointGrid
from splatseg.masks.propose.sam.mask_model import load_mask_model
from splatseg.masks.propose.settings import ProposeSettings

Tiny = Callable[[str], Path]


def grid(folder: Path, precision: str = "auto", **settings: Any) -> PointGrid:
    defaults = {"points_per_side": 6, "pred_iou": 0.5, "stability": 0.8}
    return PointGrid(load_mask_model(folder, precision=precision), ProposeSettings(**(defaults | settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_makes_masks_of_the_size_of_the_image(
    tiny_model: Tiny, picture: np.ndarray, family: str, precision: str
) -> None:
    proposals = grid(tiny_model(family), precision)(picture)
    assert len(proposals) > 0 and (proposals.scores > 0.5).all()
    assert all(decode_rle(runs, 96, 160).shape == (96, 160) for runs in proposals.runs)


@pytest.mark.parametrize("family", FAMILIES)
def test_masks_do_not_depend_on_the_batch(tiny_model: Tiny, picture: np.ndarray, family: str) -> None:
    one, many = (grid(tiny_model(family), batch=batch)(picture) for batch in (7, 64))
    assert len(one) == len(many)
    np.testing.assert_allclose(one.scores, many.scores, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_grid_covers_the_whole_image_as_the_processor_shows_it(
    tiny_model: Tiny, picture: np.ndarray, family: str
) -> None:
    for image in (picture, picture.transpose(1, 0, 2).copy()):
        height, width = image.shape[:2]
        [batch] = grid(tiny_model(family))._batches(image)
        points = batch["input_points"].reshape(-1, 2).numpy()
        shown = (SIDE, SIDE) if family not in ("sam", "sam_hq") else (SIDE * width / 160, SIDE * height / 160)
        for axis in (0, 1):
            expected = (np.arange(6) + 0.5) / 6 * shown[axis]
            np.testing.assert_allclose(
                np.unique(points[:, axis]), expected, atol=0.5 if family in ("sam", "sam_hq") else 1e-3
            )


@pytest.mark.parametrize("family", FAMILIES)
def test_crops_are_looked_at_too(tiny_model: Tiny, picture: np.ndarray, family: str) -> None:
    looking = grid(tiny_model(family), crops=1, points_per_side=4)
    batches = list(looking._batches(picture))
    assert len(batches) == 5 and all(batch["input_points"].shape[1] == 16 for batch in batches)
    assert len(looking(picture)) >= len(grid(tiny_model(family), points_per_side=4)(picture))


def test_thresholds_are_the_familys_unless_asked_for(tiny_model: Tiny, picture: np.ndarray) -> None:
    settings = ProposeSettings(points_per_side=6)
    assert PointGrid(load_mask_model(tiny_model("sam")), settings).facts["settings"]["pred_iou"] == 0.88
    assert PointGrid(load_mask_model(tiny_model("sam2")), settings).facts["settings"]["stability"] == 0.90
    strict, loose = (grid(tiny_model("sam2"), pred_iou=least) for least in (0.9, 0.5))
    assert (strict(picture).scores > 0.9).all() and len(loose(picture)) > len(strict(picture))
    firm = grid(tiny_model("sam2"), stability=0.99)
    assert len(firm(picture)) < len(loose(picture))


def test_an_image_may_have_no_mask(tiny_model: Tiny, picture: np.ndarray) -> None:
    proposals = grid(tiny_model("sam2"), pred_iou=1.0)(picture)
    assert len(proposals) == 0 and (proposals.height, proposals.width) == picture.shape[:2]


class LittleMemory:
    """A model's forward that has memory for a few points only."""

    def __init__(self, forward: Any, points: int, error: Exception) -> None:
        self.forward, self.points, self.error, self.asked = forward, points, error, []

    def __call__(self, *arguments: Any, **inputs: Any) -> Any:
        self.asked.append(inputs["input_points"].shape[1])
        if self.asked[-1] > self.points:
            raise self.error
        return self.forward(*arguments, **inputs)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        MemoryError(),
    ],
)
def test_when_memory_runs_out_smaller_batches_give_the_same_masks(
    tiny_model: Tiny, picture: np.ndarray, error: Exception
) -> None:
    warnings: list[str] = []
    expected = grid(tiny_model("sam2"))(picture)
    model = load_mask_model(tiny_model("sam2"))
    model.model.forward = LittleMemory(model.model.forward, 5, error)
    small = PointGrid(model, ProposeSettings(points_per_side=6, pred_iou=0.5, stability=0.8, batch=32), warnings.append)
    proposals = small(picture)
    np.testing.assert_allclose(proposals.scores, expected.scores, atol=1e-4)
    assert small.batch == 4 and len(warnings) == 3
    assert warnings[-1] == "out of memory on cpu; going on with 4 points at a time"
    model.model.forward.asked.clear()
    small(picture)
    assert max(model.model.forward.asked) == 4, "what was learnt is kept for the next image"


def test_no_memory_for_one_point_is_told_and_other_errors_are_not_hidden(tiny_model: Tiny, picture: np.ndarray) -> None:
    model = load_mask_model(tiny_model("sam"))
    forward = model.model.forward
    model.model.forward = LittleMemory(forward, 0, MemoryError("none left"))
    with pytest.raises(
        MaskError, match=r"no memory for .* on cpu with an image of 160x96, even for one point .*none left"
    ):
        PointGrid(model, ProposeSettings(points_per_side=2))(picture)
    model.model.forward = LittleMemory(forward, 0, RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        PointGrid(model, ProposeSettings(points_per_side=2))(picture)
