"""All masks of an image by a mask model: the model is prompted with a grid of points, and confident masks are kept.

The grid, the model's call and the filtering by predicted IoU and stability are those of transformers' mask-generation
pipeline. Two steps differ:

* The pipeline spreads the points as if every processor kept the image's shape. Those of SAM 2 and later squash it to a
  square, so that the lower part of a wide image (the right of a tall one) would get no points; here the points are
  moved.
* The pipeline drops all but the best of masks whose *boxes* overlap, and so loses a whole whose part has nearly the
  same box. Here only nearly equal masks count as duplicates (`without_duplicates`), so every level stays.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from PIL import Image

from splatseg.cameras.camera import Camera
from splatseg.errors import MaskError
from splatseg.masks.propose.proposals import Proposals
from splatseg.masks.propose.sam.mask_model import MaskModel
from splatseg.masks.propose.settings import ProposeSettings
from splatseg.models.batches import Batches
from splatseg.models.transformers_library import import_transformers


class PointGrid:
    """Proposer with a mask model and a grid of points. When memory runs out the batch is halved, and stays so.

    warn: called with a message when that happens.
    """

    score_name = "predicted_iou"
    views_at_once = 1

    def __init__(self, model: MaskModel, settings: ProposeSettings, warn: Callable[[str], None] | None = None) -> None:
        self.model = model
        self.settings: ProposeSettings = settings.of_family(model.family)
        self._points = Batches(self.settings.batch, model.device, warn)
        self._pipeline = _pipeline(model)

    @property
    def batch(self) -> int:
        """Points in a batch at present."""
        return self._points.size

    @property
    def facts(self) -> dict[str, Any]:
        """See `Proposer`."""
        settings = asdict(self.settings)
        del settings["batch"], settings["duplicates"]
        return {
            "generator": self.model.name,
            "family": self.model.family,
            "precision": str(self.model.dtype).removeprefix("torch."),
            "settings": settings,
            "versions": {"transformers": import_transformers().__version__, "torch": torch.__version__},
        }

    def __call__(self, image: np.ndarray, camera: Camera | None = None) -> Proposals:
        """See `Proposer`. Raises MaskError if there is no memory for a single point."""
        del camera

        def too_little(reason: str) -> MaskError:
            return MaskError(
                f"there is no memory for {self.model.name} on {self.model.device} with an image of "
                f"{image.shape[1]}x{image.shape[0]}, even for one point at a time ({reason}); use smaller images "
                "(--downscale), a smaller model, or --device cpu"
            )

        return self._points.run(lambda points: self._masks(image), "points", too_little)

    def _masks(self, image: np.ndarray) -> Proposals:
        """Return the masks of all batches that pass the thresholds."""
        settings = self.settings
        found: list[np.ndarray] = []
        scores = []
        with self.model.autocast():
            for inputs in self._batches(image):
                answer = self._pipeline.forward(
                    inputs, pred_iou_thresh=settings.pred_iou, stability_score_thresh=settings.stability
                )
                found.extend(np.array(rle["counts"], np.int64) for rle in answer["masks"])
                scores.append(answer["iou_scores"].float().numpy().reshape(-1))
        return Proposals(image.shape[0], image.shape[1], tuple(found), np.concatenate(scores))

    def _batches(self, image: np.ndarray) -> Iterator[dict[str, Any]]:
        """Yield the model's inputs, `batch` points at a time; the image is encoded once (and each crop once)."""
        batches = self._pipeline.preprocess(
            Image.fromarray(image),
            points_per_batch=self.batch,
            points_per_crop=self.settings.points_per_side,
            crops_n_layers=self.settings.crops,
        )
        size = self._pipeline.image_processor.size
        for inputs in batches:
            if size.get("height"):
                left, top, right, bottom = inputs["input_boxes"][0].tolist()
                inputs["input_points"] = _spread(inputs["input_points"], size["height"], right - left, bottom - top)
            yield inputs


def _spread(points: torch.Tensor, side: int, width: float, height: float) -> torch.Tensor:
    """Return points (..., 2), laid out for an image with a longest side of `side`, at their positions in a square."""
    longest = max(width, height)
    shown = [int(side * length / longest + 0.5) for length in (width, height)]  # as the pipeline rounds it
    return points * (side / points.new_tensor(shown))


def _pipeline(model: MaskModel) -> Any:
    """Return transformers' mask-generation pipeline of a model."""
    import_transformers()
    pipelines = importlib.import_module("transformers.pipelines.mask_generation")
    return pipelines.MaskGenerationPipeline(
        model=model.model, image_processor=model.processor.image_processor, device=model.device
    )
