"""Models loaded through transformers, from a folder of weights or by a name on the hub.

A model is loaded whole and in float32, or an error says why not. All models of masks and of words are loaded here.

A folder is read without any network. A name of the hub (owner/model) is taken from the cache of transformers; only if
it is not there it is fetched, and a warning says so, unless HF_HUB_OFFLINE=1 or `without_fetching` forbids it. Weights
are read as safetensors only, never pickled ones, and no code that comes with a model is run.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch

from splatseg.errors import WeightsError
from splatseg.machine.devices import current
from splatseg.models.transformers_library import import_transformers
from splatseg.plain_text import first_few

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
"""Variables of the environment that forbid to fetch anything; those of transformers itself."""


_MAY_FETCH: ContextVar[bool] = ContextVar("may_fetch", default=True)


@contextmanager
def without_fetching() -> Iterator[None]:
    """Take models in the block from folders and the cache only: the name comes from a file, not from the user."""
    before = _MAY_FETCH.set(False)
    try:
        yield
    finally:
        _MAY_FETCH.reset(before)


def read_config(name: str | Path) -> Any:
    """Read the configuration of a model; its `model_type` is the kind: sam2, clip, grounding-dino, ...

    Raises WeightsError if there is no such model or its configuration is damaged, MaskError without transformers.
    """
    place = _place(name)
    try:
        return _load(import_transformers().AutoConfig, place)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(_not_loaded(name, error)) from error


def load_network(name: str | Path, class_name: str, device: torch.device, config: Any = None) -> Any:
    """Load a model by a class of transformers, in float32 for any stored type, ready for use on the device.

    config: configuration of a part, if the weights are those of a larger model; None for the model's own.

    Raises WeightsError if the weights are missing or damaged, or lack a part of the model, which would then be random.
    """
    place, kind = _place(name), getattr(import_transformers(), class_name)
    try:
        network, info = _load(
            kind, place, config=config, dtype=torch.float32, output_loading_info=True, use_safetensors=True
        )
    except Exception as error:  # safetensors and torch have errors of their own
        raise WeightsError(_not_loaded(name, error)) from error
    absent = sorted(set(info["missing_keys"]) | {str(row[0]) for row in info["mismatched_keys"]})
    if absent:
        raise WeightsError(
            f"the weights of {name} lack {len(absent)} tensors of a {type(network).__name__} ({first_few(absent)}); "
            "they belong to another model or are incomplete"
        )
    return network.eval().to(device)


def load_processor(name: str | Path, class_name: str = "AutoProcessor") -> Any:
    """Load the processor of a model by a class of transformers. Raises WeightsError for missing or damaged files."""
    place = _place(name)
    try:
        return _load(getattr(import_transformers(), class_name), place)
    except Exception as error:  # tokenizers have errors of their own
        raise WeightsError(_not_loaded(name, error)) from error


def device_named(name: str) -> torch.device:
    """Return the device of this name; auto is that of the process (`machine.devices`), a card if there is one.

    Raises WeightsError if it is not available, BackendError if SPLATSEG_DEVICE names one that is not.
    """
    if name == "auto":
        return current(kernels=False)
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise WeightsError(f"the device '{name}' is not available here ({reason}); use auto or cpu") from error
    return device


def _load(kind: Any, place: str, **options: Any) -> Any:
    """Load a part of a model by a class of transformers, from a folder or the cache, else from the hub."""
    try:
        return kind.from_pretrained(place, local_files_only=True, trust_remote_code=False, **options)
    except OSError:
        if Path(place).is_dir() or not _may_fetch():
            raise
    warnings.warn(
        f"the model '{place}' is neither a folder here nor in the cache of transformers, so it is fetched from the hub "
        "over the network; HF_HUB_OFFLINE=1 forbids that",
        stacklevel=3,
    )
    return kind.from_pretrained(place, trust_remote_code=False, **options)


def _may_fetch() -> bool:
    forbidden = any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in OFFLINE)
    return _MAY_FETCH.get() and not forbidden


def _place(name: str | Path) -> str:
    """Return the folder of a model, or its name on the hub.

    Raises WeightsError for a path that holds no model, before transformers takes the path for a name.
    """
    name = str(name)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise WeightsError(f"{name} holds no model: config.json is absent; give the folder of a transformers model")
        if not any(path.glob("*.safetensors")):
            if any(path.glob("*.bin")):
                raise WeightsError(
                    f"{name} holds pickled weights only (*.bin), which may run code when read; fetch the model "
                    "with *.safetensors, or convert it where you trust it"
                )
            raise WeightsError(f"{name} holds no weights (*.safetensors); fetch the whole model, not its settings only")
        return str(path)
    if path.is_file():
        raise WeightsError(
            f"{name} is a file, but a model is a folder with config.json and model.safetensors; convert original "
            "checkpoints (.pth, .pt) or fetch the transformers version of the model"
        )
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or "\\" in name:
        raise WeightsError(
            f"there is no model '{name}'; give the folder of a transformers model, or its hub name (owner/model)"
        )
    return name


def _not_loaded(name: str | Path, error: Exception) -> str:
    """Return the message for a model that could not be loaded."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if Path(name).expanduser().is_dir():
        return f"the model in {name} cannot be loaded ({reason[:300]}); fetch it again"
    if not _may_fetch():
        return (
            f"the model '{name}' is neither a folder here nor in the cache of transformers, and it must not be fetched "
            "here; give the folder of a transformers model with --model"
        )
    return (
        f"the model '{name}' is neither a folder here nor could it be fetched from the hub (offline, no such name, "
        "or no weights as safetensors); fetch it where there is a network and give its folder"
    )
