"""The transformers library, imported when a model is wanted and not before: it is an extra, and takes seconds."""

from __future__ import annotations

import importlib
import logging
import sys
from functools import cache
from typing import Any

import torch

from splatseg.errors import MaskError

INSTALL = 'install what it needs with: pip install "splatseg[masks]"'


@cache
def import_transformers() -> Any:
    """The module, told to keep its notices to itself. Raises MaskError if it or torchvision is missing or broken."""
    _import_torchvision()
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise MaskError(f"Mask models need the library transformers ({error}); {INSTALL}.") from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    return transformers


def _import_torchvision() -> None:
    """Import torchvision, also one that was compiled for another build of torch than the one that is here.

    The usual case: torch without CUDA and the registry's torchvision with it. Its compiled operators cannot be loaded,
    and the import fails as it registers two of them. Nothing here calls an operator, only its resizing, which is torch.
    """
    try:
        importlib.import_module("torchvision")
    except ImportError as error:
        raise MaskError(f"Mask models need the library torchvision ({error}); {INSTALL}.") from error
    except RuntimeError as first:
        if "torchvision::" not in str(first):
            raise MaskError(
                f"torchvision does not work with torch {torch.__version__} ({first}); {INSTALL}."
            ) from first
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        try:
            importlib.import_module("torchvision")
        except Exception as error:
            raise MaskError(
                f"torchvision does not work with torch {torch.__version__} ({error}); {INSTALL}."
            ) from error
