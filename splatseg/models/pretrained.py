"""Models loaded through transformers, from a folder of weights or by a name on the hub.

A model is loaded whole and in float32, or an error says why not. All models of masks and of words are loaded here.

A name that is not a folder is fetched by transformers into its cache, or taken from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from splatseg.errors import WeightsError
from splatseg.models.transformers_library import import_transformers


def read_config(name: str | Path) -> Any:
    """Read the configuration of a model; its `model_type` is the kind: sam2, clip, grounding-dino, ...

    Raises WeightsError if there is no such model or its configuration is damaged, MaskError without transformers.
    """
    place = _place(name)
    try:
        return import_transformers().AutoConfig.from_pretrained(place)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(_not_loaded(name, error)) from error


def load_network(name: str | Path, class_name: str, device: torch.device, config: Any = None) -> Any:
    """Load a model by a class of transformers, in float32 for any stored type, ready for use on the device.

    config: configuration of a part, if the weights are those of a larger model; None for the model's own.

    Raises WeightsError if the weights are missing or damaged, or lack a part of the model, which would then be random.
    """
    kind = getattr(import_transformers(), class_name)
    try:
        network, info = kind.from_pretrained(_place(name), config=config, dtype=torch.float32, output_loading_info=True)
    except Exception as error:  # safetensors and torch have errors of their own
        raise WeightsError(_not_loaded(name, error)) from error
    absent = sorted(set(info["missing_keys"]) | {str(row[0]) for row in info["mismatched_keys"]})
    if absent:
        raise WeightsError(
            f"the weights of {name} lack {len(absent)} tensors of a {type(network).__name__} ({', '.join(absent[:3])}"
            f"{', ...' if len(absent) > 3 else ''}); they belong to another model or are incomplete"
        )
    return network.eval().to(device)


def load_processor(name: str | Path, class_name: str = "AutoProcessor") -> Any:
    """Load the processor of a model by a class of transformers. Raises WeightsError for missing or damaged files."""
    try:
        return getattr(import_transformers(), class_name).from_pretrained(_place(name))
    except Exception as error:  # tokenizers have errors of their own
        raise WeightsError(_not_loaded(name, error)) from error


def device_named(name: str) -> torch.device:
    """Return the device of this name; auto is a GPU if there is one. Raises WeightsError if it is not available."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise WeightsError(f"the device '{name}' is not available here ({reason}); use auto or cpu") from error
    return device


def _place(name: str | Path) -> str:
    """Return the folder of a model, or its name on the hub.

    Raises WeightsError for a path that holds no model, before transformers takes the path for a name.
    """
    name = str(name)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise WeightsError(f"{name} holds no model: config.json is absent; give the folder of a transformers model")
        if not any(path.glob("*.safetensors")) and not any(path.glob("*.bin")):
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
    return (
        f"the model '{name}' is neither a folder here nor could it be fetched from the hub (offline, or no such name); "
        "fetch it where there is a network and give its folder"
    )
