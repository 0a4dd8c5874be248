"""Weights of big models: found on disk or by name, loaded by transformers, and told plainly when that does not work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from splatseg.errors import WeightsError

INSTALL = 'models need transformers; install it with `pip install "splatseg[masks]"`'


def device_for() -> str:
    """The fastest device there is: cuda, mps or cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def model_type(model: str | Path) -> str:
    """The kind of a model as its config.json calls it: clip, sam2, grounding_dino, ...

    Raises WeightsError if transformers is not installed or there is no such model.
    """
    folder = Path(model)
    if folder.is_dir():
        try:
            kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(
                f"{folder} holds no model: its config.json cannot be read ({error}); "
                f"give the folder that `save_pretrained` or a download of the model wrote"
            ) from None
        return str(kind)
    auto_config = _transformers().AutoConfig
    try:
        return str(auto_config.from_pretrained(str(model)).model_type)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(_absent(model, error)) from None


def load_pretrained(model: str | Path, auto_class: str) -> tuple[Any, Any]:
    """(model, processor) by a class of transformers. Raises WeightsError."""
    transformers = _transformers()
    try:
        network = getattr(transformers, auto_class).from_pretrained(str(model))
        processor = transformers.AutoProcessor.from_pretrained(str(model))
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise WeightsError(_absent(model, error)) from None
    return network, processor


def _transformers() -> Any:
    try:
        import transformers  # noqa: PLC0415 (an extra, and seconds to import)
    except ImportError:
        raise WeightsError(INSTALL) from None
    return transformers


def _absent(model: str | Path, error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"there are no weights that can be loaded at {model} ({first}); download the model and give the path of its "
        f"folder, with config.json, the weights and the processor's files"
    )
