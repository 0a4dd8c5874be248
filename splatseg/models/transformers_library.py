"""The transformers library, imported only when a model is loaded: it is an extra, and its import takes seconds."""

from __future__ import annotations

import importlib
import logging
import sys
from functools import cache
from typing import Any

import torch

from splatseg.errors import MaskError

INSTALL = 'install it with: pip install "splatseg[masks]"'
"""End of a message about a missing library: what to do."""


@cache
def import_transformers() -> Any:
    """Import transformers and silence its notices. Raises MaskError if it or torchvision is missing or broken."""
    _import_torchvision()
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise MaskError(f"pretrained models need the library transformers ({error}); {INSTALL}") from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    return transformers


def _import_torchvision() -> None:
    """Import torchvision, even if it was compiled for another build of torch than the installed one.

    The usual case is torch without CUDA next to the registry's torchvision. Its compiled operators cannot be loaded,
    and the import fails when it registers two of them. splatseg calls none of them, only torchvision's resizing, which
    is written in torch.
    """
    try:
        importlib.import_module("torchvision")
    except ImportError as error:
        raise MaskError(f"pretrained models need the library torchvision ({error}); {INSTALL}") from error
    except RuntimeError as first:
        if "torchvision::" not in str(first):
            raise MaskError(f"torchvision does not work with torch {torch.__version__} ({first}); {INSTALL}") from first
        # Forget the half-imported modules and declare the two operators ourselves, so that a second import succeeds.
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        try:
            importlib.import_module("torchvision")
        except Exception as error:
            raise MaskError(f"torchvision does not work with torch {torch.__version__} ({error}); {INSTALL}") from error
