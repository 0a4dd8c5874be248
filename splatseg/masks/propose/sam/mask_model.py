"""Mask models of the SAM families, loaded from a folder of weights (or by a name on the hub) through transformers.

    family         model class          checkpoints, for example
    sam            SamModel             sam-vit-base, -large, -huge
    sam_hq         SamHQModel           sam-hq-vit-...
    sam2           Sam2Model            sam2.1-hiera-tiny ... -large (their configuration is that of the video model)
    edgetam        EdgeTamModel         EdgeTAM
    sam3_tracker   Sam3TrackerModel     sam3

On a GPU the model runs under autocast, in bfloat16 if the GPU has it, else in float16; its output is float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splatseg.errors import WeightsError
from splatseg.masks.propose.settings import Precision
from splatseg.models.pretrained import device_named, load_network, load_processor, read_config

FAMILY_OF = {
    "sam": "sam",
    "sam_hq": "sam_hq",
    "sam2": "sam2",
    "sam2_video": "sam2",
    "edgetam": "edgetam",
    "edgetam_video": "edgetam",
    "sam3_tracker": "sam3_tracker",
    "sam3_video": "sam3_tracker",
}
"""Families by the `model_type` of a checkpoint's configuration."""

PROCESSOR_OF = {
    "sam": "SamProcessor",
    "sam_hq": "SamHQProcessor",
    "sam2": "Sam2Processor",
    "edgetam": "Sam2Processor",
    "sam3_tracker": "Sam3TrackerProcessor",
}
"""Processor classes of transformers, by family."""


@dataclass(frozen=True, eq=False)
class MaskModel:
    """A model that makes masks from points and boxes, with its processor.

    Use it under `autocast()`; `masks_of_boxes` does so itself.
    """

    name: str
    """Folder or name on the hub, as requested."""

    family: str
    """Family of the model, a value of `FAMILY_OF`."""

    model: Any
    """Network of transformers, on the device."""

    processor: Any
    """Processor of transformers."""

    device: torch.device
    """Device on which the model runs."""

    dtype: torch.dtype
    """Type in which the model computes under `autocast`."""

    def autocast(self) -> AbstractContextManager[object]:
        """Return a context of mixed precision in `dtype`; it does nothing for float32."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    @torch.inference_mode()
    def masks_of_boxes(self, image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return one mask for each box, (B,H,W) bool, and its predicted IoU (B,) float32.

        image (H,W,3) uint8; boxes (B,4) as x0 y0 x1 y1 in pixels, the corner of the image is (0,0).
        """
        height, width = image.shape[:2]
        if len(boxes) == 0:
            return np.zeros((0, height, width), bool), np.zeros(0, np.float32)
        inputs = self.processor(images=image, input_boxes=[np.asarray(boxes, float).tolist()], return_tensors="pt")
        sizes = {name: inputs.pop(name) for name in ("original_sizes", "reshaped_input_sizes") if name in inputs}
        with self.autocast():
            answer = self.model(**inputs.to(self.device), multimask_output=False)
        masks = self.processor.post_process_masks(answer.pred_masks.cpu(), **sizes)[0]
        scores = answer.iou_scores[0, :, 0].float().cpu().numpy()
        return masks[:, 0].numpy().astype(bool), scores


def load_mask_model(name: str | Path, device: str = "auto", precision: Precision = "auto") -> MaskModel:
    """Load a mask model. name: a folder with config.json, weights and processor, or a name on the hub.

    device: auto (a GPU if there is one), cpu, cuda, cuda:1, ...

    Raises WeightsError if there are no weights, if they are damaged, incomplete or of a kind that makes no masks, or if
    the device is not available; MaskError without transformers.
    """
    where = device_named(device)
    kind = read_config(name).model_type
    family = FAMILY_OF.get(kind)
    if family is None:
        raise WeightsError(
            f"the model {name} is of the kind '{kind}', which does not make masks from points; use one of "
            f"{', '.join(FAMILY_OF)}"
        )
    model = load_network(name, "AutoModelForMaskGeneration", where)
    processor = load_processor(name, PROCESSOR_OF[family])
    model.register_forward_hook(_in_float32)
    return MaskModel(str(name), family, model, processor, where, _dtype(precision, where))


def _in_float32(module: Any, arguments: Any, answer: Any) -> Any:
    """Convert masks and scores of an answer to float32: thresholds are compared in full precision."""
    del module, arguments
    answer["pred_masks"], answer["iou_scores"] = answer["pred_masks"].float(), answer["iou_scores"].float()
    return answer


def _dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the type in which a model computes; auto: a half type on a GPU, else float32."""
    if precision != "auto":
        dtype: torch.dtype = getattr(torch, precision)
        return dtype
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
