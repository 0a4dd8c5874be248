"""Weights of models that understand words: found on disk or by name, loaded by transformers, told plainly if they are
not there. Mask models have a loader of their own, `masks.generate.load_mask_model`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from splatseg.errors import WeightsError
from splatseg.masks.generate.transformers_library import import_transformers


def device_for() -> str:
    """The fastest device there is: cuda or cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def model_type(model: str | Path) -> str:
    """The kind of a model as its config.json calls it: clip, sam3, grounding-dino, ...

    Raises WeightsError if there is no such model, MaskError if transformers is not installed.
    """
    folder = Path(model)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise WeightsError(
            f"{folder} holds no model: config.json is absent; give the folder that a download of the model wrote"
        )
    try:
        return str(import_transformers().AutoConfig.from_pretrained(str(model)).model_type)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(_absent(model, error)) from None


def load_pretrained(model: str | Path, auto_class: str) -> tuple[Any, Any]:
    """(model, processor) by a class of transformers. Raises WeightsError, as `model_type` does."""
    transformers = import_transformers()
    try:
        network = getattr(transformers, auto_class).from_pretrained(str(model))
        processor = transformers.AutoProcessor.from_pretrained(str(model))
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise WeightsError(_absent(model, error)) from None
    return network, processor


def _absent(model: str | Path, error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"there are no weights that can be loaded at {model} ({first}); download the model and give the path of its "
        f"folder, with config.json, the weights and the processor's files"
    )
