"""From words to masks of one photograph: a detector's boxes turned into masks by a segmenter, or one model for both.

    ground(image (H,W,3) uint8, "red mug") -> masks (M,H,W) bool, scores (M,) in 0..1

Grounding DINO, MM Grounding DINO, OWL-ViT and OWLv2 find boxes; any model of the Segment Anything family turns them
into masks; SAM 3 needs no other model. All through transformers; all other code needs only the protocol `Grounder`.

Alphabet: M masks or boxes (x0, y0, x1, y1) in pixels; H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from splatseg.errors import WeightsError
from splatseg.masks.propose.sam.mask_model import MaskModel, load_mask_model
from splatseg.models.batches import LESS_MEMORY, Batches
from splatseg.models.pretrained import device_named, load_network, load_processor, read_config

DETECTORS = ("grounding-dino", "mm-grounding-dino", "owlvit", "owlv2")
"""Model types that find boxes, as in their config.json."""
CONCEPTS = ("sam3", "sam3_video")
"""Model types that find masks. The checkpoints of SAM 3 have the configuration of the video model, of which it is a
part."""

BOX_SCORES = {"grounding-dino": 0.3, "mm-grounding-dino": 0.3, "owlvit": 0.1, "owlv2": 0.2}
"""Least score of a box, by kind of detector: Grounding DINO's as in Gaussian Grouping, OWL's as its authors give it."""

TEXT_SCORE = 0.25
"""Least score of a word of the query for a box of Grounding DINO."""

CONCEPT_SCORE = 0.5
"""Least score of an instance of SAM 3."""

Masks = tuple[np.ndarray, np.ndarray]
"""masks (M,H,W) bool, scores (M,)."""


@runtime_checkable
class Grounder(Protocol):
    """A model that finds words in a photograph."""

    name: str
    """Name of the model."""

    def ground(self, image: np.ndarray, text: str) -> Masks:
        """Return (masks (M,H,W) bool, scores (M,) float32 in 0..1) of an image (H,W,3) uint8; M may be 0."""


def _within_memory(image: np.ndarray, device: torch.device, find: Callable[[], Masks]) -> Masks:
    """Return find(). Raises WeightsError if memory runs out: a single picture is the smallest batch."""

    def too_little(reason: str) -> WeightsError:
        size = f"{image.shape[1]}x{image.shape[0]}"
        return WeightsError(f"there is no memory to find words in a picture of {size} ({reason}); {LESS_MEMORY}")

    return Batches(1, device).run(lambda one: find(), "pictures", too_little)


class BoxesThenMasks:
    """A detector that finds boxes for the words, and a segmenter that makes a mask of each."""

    def __init__(self, detector: Any, processor: Any, segmenter: MaskModel, name: str) -> None:
        self.name = name
        self._detector, self._processor, self._segmenter = detector, processor, segmenter
        self._kind = str(detector.config.model_type)

    def ground(self, image: np.ndarray, text: str) -> Masks:
        """Find words in an image, see `Grounder.ground`. Raises WeightsError if memory runs out."""
        return _within_memory(image, self._detector.device, lambda: self._found(image, text))

    def _found(self, image: np.ndarray, text: str) -> Masks:
        boxes, scores = self.boxes(image, text)
        if len(boxes) == 0:
            return np.zeros((0, *image.shape[:2]), bool), scores
        return self._segmenter.masks_of_boxes(image, boxes)[0], scores

    @torch.no_grad()
    def boxes(self, image: np.ndarray, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (boxes (M,4) float32 in pixels, clipped to the image; scores (M,))."""
        inputs = self._processor(images=image, text=[[text.lower()]], return_tensors="pt").to(self._detector.device)
        outputs = self._detector(**inputs)
        least, sizes = BOX_SCORES[self._kind], [image.shape[:2]]
        if self._kind.endswith("dino"):
            found = self._processor.post_process_grounded_object_detection(
                outputs, inputs["input_ids"], threshold=least, text_threshold=TEXT_SCORE, target_sizes=sizes
            )[0]
        else:
            found = self._processor.post_process_grounded_object_detection(
                outputs, threshold=least, target_sizes=sizes
            )[0]
        height, width = image.shape[:2]
        boxes = found["boxes"].float().cpu().numpy().clip(0, [width, height, width, height])
        inside = (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
        return boxes[inside].astype(np.float32), found["scores"].float().cpu().numpy()[inside]


class ConceptSegmenter:
    """SAM 3: from words to masks in one model."""

    def __init__(self, model: Any, processor: Any, name: str) -> None:
        self.name = name
        self._model, self._processor = model, processor

    def ground(self, image: np.ndarray, text: str) -> Masks:
        """Find words in an image, see `Grounder.ground`. Raises WeightsError if memory runs out."""
        return _within_memory(image, self._model.device, lambda: self._found(image, text))

    @torch.no_grad()
    def _found(self, image: np.ndarray, text: str) -> Masks:
        inputs = self._processor(images=image, text=text, return_tensors="pt").to(self._model.device)
        outputs = self._model(**inputs)
        found = self._processor.post_process_instance_segmentation(
            outputs, threshold=CONCEPT_SCORE, mask_threshold=0.5, target_sizes=[image.shape[:2]]
        )[0]
        masks = found["masks"].cpu().numpy().astype(bool).reshape(-1, *image.shape[:2])
        return masks, found["scores"].float().cpu().numpy()


def load_grounder(model: str | Path, segmenter: str | Path | None = None, device: str = "auto") -> Grounder:
    """Load a grounder from weights: SAM 3 alone, or a detector with a segmenter.

    device: auto (a GPU if there is one), cpu, ...

    Raises WeightsError if weights are missing, of another kind, or a detector has no segmenter; MaskError without
    transformers.
    """
    where = device_named(device)
    config = read_config(model)
    kind = config.model_type
    name = f"{kind}:{Path(str(model)).name}"
    if kind in CONCEPTS:
        of_images = getattr(config, "detector_config", config)
        network = load_network(model, "Sam3Model", where, of_images)
        return ConceptSegmenter(network, load_processor(model, "Sam3Processor"), name)
    if kind not in DETECTORS:
        raise WeightsError(
            f"{model} is a {kind} model, which does not find words in a picture; give one of the kinds "
            f"{', '.join((*DETECTORS, *CONCEPTS))}"
        )
    if segmenter is None:
        raise WeightsError(
            f"{model} finds boxes, not masks; give a Segment Anything model that makes masks of them with --segmenter"
        )
    detector = load_network(model, "AutoModelForZeroShotObjectDetection", where)
    return BoxesThenMasks(detector, load_processor(model), load_mask_model(segmenter, device), name)
