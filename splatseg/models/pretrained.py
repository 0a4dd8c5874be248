"""Models that transformers loads, from a folder of weights or by a name on the hub.

They are loaded whole and in float32, or it is told plainly why not. All models of masks and of words come from here.

A name that is no folder is fetched by transformers into its cache, or taken from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from splatseg.errors import WeightsError
from splatseg.models.transformers_library import import_transformers


def read_config(name: str | Path) -> Any:
    """The model's configuration; its `model_type` is its kind: sam2, clip, grounding-dino, ...

    Raises WeightsError if there is no such model or its configuration is damaged, MaskError without transformers.
    """
    place = _place(name)
    try:
        return import_transformers().AutoConfig.from_pretrained(place)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(_not_loaded(name, error)) from error


def load_network(name: str | Path, class_name: str, device: torch.device, config: Any = None) -> Any:
    """The model by a class of transformers, in float32 whatever it is stored in, ready for use on the device.

    config: that of the part which is wanted, if the weights are those of a larger model; None for the model's own.

    Raises WeightsError if the weights are not there, damaged, or lack a part of the model, which would be random then.
    """
    kind = getattr(import_transformers(), class_name)
    try:
        network, info = kind.from_pretrained(_place(name), config=config, dtype=torch.float32, output_loading_info=True)
    except Exception as error:  # safetensors and torch have errors of their own
        raise WeightsError(_not_loaded(name, error)) from error
    absent = sorted(set(info["missing_keys"]) | {str(row[0]) for row in info["mismatched_keys"]})
    if absent:
        raise WeightsError(
            f"The weights of {name} lack {len(absent)} tensors of a {type(network).__name__} ({', '.join(absent[:3])}"
            f"{', ...' if len(absent) > 3 else ''}); they belong to another model or are incomplete."
        )
    return network.eval().to(device)


def load_processor(name: str | Path, class_name: str = "AutoProcessor") -> Any:
    """The model's processor by a class of transformers. Raises WeightsError if its files are missing or damaged."""
    try:
        return getattr(import_transformers(), class_name).from_pretrained(_place(name))
    except Exception as error:  # tokenizers have errors of their own
        raise WeightsError(_not_loaded(name, error)) from error


def device_named(name: str) -> torch.device:
    """The device of this name; auto is a GPU if there is one. Raises WeightsError if it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise WeightsError(f"The device '{name}' is not to be had here ({reason}); use auto or cpu.") from error
    return device


def _place(name: str | Path) -> str:
    """The folder, or the name on the hub. Says what is wrong with a path before a library takes it for such a name."""
    name = str(name)
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise WeightsError(
                f"{name} holds no model: config.json is absent; give the folder of a transformers model."
            )
        if not any(path.glob("*.safetensors")) and not any(path.glob("*.bin")):
            raise WeightsError(
                f"{name} holds no weights (*.safetensors); fetch the whole model, not its settings only."
            )
        return str(path)
    if path.is_file():
        raise WeightsError(
            f"{name} is a file, but a model is a folder with config.json and model.safetensors; convert original "
            "checkpoints (.pth, .pt) or fetch the transformers version of the model."
        )
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or "\\" in name:
        raise WeightsError(
            f"There is no model '{name}'; give the folder of a transformers model, or its hub name (owner/model)."
        )
    return name


def _not_loaded(name: str | Path, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    if Path(name).expanduser().is_dir():
        return f"The model in {name} cannot be loaded ({reason[:300]}); fetch it anew."
    return (
        f"The model '{name}' is neither a folder here nor could it be fetched from the hub (offline, or no such name); "
        "fetch it where there is a network and give its folder."
    )
