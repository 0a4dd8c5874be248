"""A mask model of the SAM families, loaded from a folder of weights (or by its hub name) through transformers.

    family         model class          checkpoints, for example
    sam            SamModel             sam-vit-base, -large, -huge
    sam_hq         SamHQModel           sam-hq-vit-...
    sam2           Sam2Model            sam2.1-hiera-tiny ... -large (their configuration is that of the video model)
    edgetam        EdgeTamModel         EdgeTAM
    sam3_tracker   Sam3TrackerModel     sam3

On a GPU the model runs under autocast, in bfloat16 where the GPU has it and float16 else; what it answers is float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from splatseg.errors import MaskError
from splatseg.masks.generate.transformers_library import import_transformers

Precision = Literal["auto", "float32", "bfloat16", "float16"]

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
"""By the `model_type` of the checkpoint's configuration."""

PROCESSOR_OF = {
    "sam": "SamProcessor",
    "sam_hq": "SamHQProcessor",
    "sam2": "Sam2Processor",
    "edgetam": "Sam2Processor",
    "sam3_tracker": "Sam3TrackerProcessor",
}


@dataclass(frozen=True, eq=False)
class MaskModel:
    """A model that makes masks from points and boxes, on its device, with its processor. `name` is as it was asked for.

    Use it under `autocast()`; `masks_of_boxes` does so itself.
    """

    name: str
    family: str
    model: Any
    processor: Any
    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision in `dtype`; does nothing for float32."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    @torch.inference_mode()
    def masks_of_boxes(self, image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One mask for each box: (B,H,W) bool and its predicted IoU (B,) float32.

        image (H,W,3) uint8; boxes (B,4), x0 y0 x1 y1 in pixels, the corner of the image is (0,0).
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

    device: auto (a GPU if there is one), cpu, cuda, cuda:1, ... A name that is no folder is fetched by transformers
    into its cache, or taken from there.

    Raises MaskError when there are no weights, they are damaged or incomplete, of a kind that makes no masks, or the
    device is not there.
    """
    where = _device(device)
    _check_folder(str(name))
    library = import_transformers()
    try:
        config = library.AutoConfig.from_pretrained(name)
    except Exception as error:  # the library raises OSError, ValueError, KeyError, JSONDecodeError, ...
        raise MaskError(_not_loaded(str(name), error)) from error
    family = FAMILY_OF.get(config.model_type)
    if family is None:
        raise MaskError(
            f"The model {name} is of the kind '{config.model_type}', which does not make masks from points; use one of "
            f"{', '.join(FAMILY_OF)}."
        )
    try:
        model, info = library.AutoModelForMaskGeneration.from_pretrained(
            name, output_loading_info=True, dtype=torch.float32
        )
        processor = getattr(library, PROCESSOR_OF[family]).from_pretrained(name)
    except Exception as error:
        raise MaskError(_not_loaded(str(name), error)) from error
    absent = sorted(set(info["missing_keys"]) | {str(row[0]) for row in info["mismatched_keys"]})
    if absent:
        raise MaskError(
            f"The weights of {name} lack {len(absent)} tensors of a {type(model).__name__} ({', '.join(absent[:3])}"
            f"{', ...' if len(absent) > 3 else ''}); they belong to another model or are incomplete."
        )
    model.register_forward_hook(_in_float32)
    return MaskModel(str(name), family, model.eval().to(where), processor, where, _dtype(precision, where))


def _in_float32(module: Any, arguments: Any, answer: Any) -> Any:
    """Thresholds and scores are compared in full precision, whatever the model ran in."""
    del module, arguments
    answer["pred_masks"], answer["iou_scores"] = answer["pred_masks"].float(), answer["iou_scores"].float()
    return answer


def _check_folder(name: str) -> None:
    """Say what is wrong with a path before a library takes it for a name on the hub."""
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise MaskError(f"{name} holds no model: config.json is absent; give the folder of a transformers model.")
        if not any(path.glob("*.safetensors")) and not any(path.glob("*.bin")):
            raise MaskError(f"{name} holds no weights (*.safetensors); fetch the whole model, not its settings only.")
    elif path.is_file():
        raise MaskError(
            f"{name} is a file, but a model is a folder with config.json and model.safetensors; convert original "
            "checkpoints (.pth, .pt) or fetch the transformers version of the model."
        )
    elif name.startswith((".", "/", "~")) or name.count("/") != 1 or "\\" in name:
        raise MaskError(
            f"There is no model '{name}'; give the folder of a transformers model, or its hub name (owner/model)."
        )


def _not_loaded(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    if Path(name).is_dir():
        return f"The model in {name} cannot be loaded ({reason[:300]}); fetch it anew."
    return (
        f"The model '{name}' is neither a folder here nor could it be fetched from the hub (offline, or no such name); "
        "fetch it where there is a network and give its folder."
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise MaskError(f"The device '{name}' is not to be had here ({reason}); use auto or cpu.") from error
    return device


def _dtype(precision: Precision, device: torch.device) -> torch.dtype:
    if precision != "auto":
        dtype: torch.dtype = getattr(torch, precision)
        return dtype
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
