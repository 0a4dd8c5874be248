"""Devices: whether a job computes on the processor or on a card, decided in one place.

A name is auto, cpu, cuda or cuda:1. auto takes the card where there is one that everything needed can use, and the
processor elsewhere. The name comes from `use`, which is what --device gives, or from the environment variable
SPLATSEG_DEVICE. Light to import: torch is only asked when the device is.
"""

from __future__ import annotations

import os
import warnings
import weakref
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from splatseg.errors import BackendError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

VARIABLE = "SPLATSEG_DEVICE"
"""Environment variable that names the device where no option does."""

LEAST_CAPABILITY = (7, 5)
"""Oldest cards that NVIDIA Warp compiles for (Turing)."""

DRIVER_FILES = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg")
"""Places where the driver of a card shows, the last in WSL."""

UNTRIED = "the developers have not run this part on a card yet: benchmarks/gpu_check.py says whether all is well here"
"""Said by `splatseg info` where a card is used, until one has been had."""

_named: dict[str, str] = {}
_decided: dict[tuple[str, bool], torch.device] = {}
_copies: dict[int, tuple[weakref.ref[Tensor], int, Tensor]] = {}


def use(name: str | None) -> None:
    """Name the device of this process: auto, cpu, cuda, cuda:1; None for what the environment says."""
    _named.clear()
    if name is not None:
        _named["option"] = name


def is_named() -> bool:
    """Return True if `use` or the environment names a device other than auto."""
    return _name() != "auto"


def current(kernels: bool = True) -> torch.device:
    """Return the device of this process.

    kernels: for the project's own kernels, which need NVIDIA Warp on a card; networks need torch alone. If a card is
    there and auto cannot use it, a warning says why, once. Raises BackendError for a name that is none, and for a card
    by name that is not there or cannot be used.
    """
    name = _name()
    if (name, kernels) not in _decided:
        _decided[name, kernels] = _device_of(name, kernels)
    return _decided[name, kernels]


def described() -> str:
    """Return the device of this process in words, with the reason if it is not a card."""
    device = current()
    if device.type == "cuda":
        import torch  # noqa: PLC0415 (see the module)

        return f"{device} ({torch.cuda.get_device_name(device)}); {UNTRIED}"
    return "cpu" if _name() == "cpu" else f"cpu ({_lacking(0, kernels=True)})"


def to_device(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return tensors on the device of this process; those that are there already as they are."""
    device = current()
    return tuple(tensor.to(device) for tensor in tensors)


def resident(tensor: Tensor) -> Tensor:
    """Return a tensor on the device of this process; a copy on a card is kept while the tensor lives.

    So a splat that is looked at again and again goes there once. A tensor that torch has written to since is copied
    again; one that requires a gradient is moved each time, as `to` does.
    """
    device = current()
    if device.type == "cpu" or tensor.device.type != "cpu" or tensor.requires_grad:
        return tensor.to(device)
    key = id(tensor)
    if key in _copies:
        origin, version, copy = _copies[key]
        if origin() is tensor and version == tensor._version and copy.device == device:
            return copy
    copy = tensor.to(device)
    _copies[key] = (weakref.ref(tensor, lambda _: _copies.pop(key, None)), tensor._version, copy)
    return copy


def native_takes(*tensors: Tensor) -> bool:
    """Return True if the native kernels compute with such tensors: float32 on the processor."""
    import torch  # noqa: PLC0415 (see the module)

    return all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors)


def _name() -> str:
    return _named.get("option", os.environ.get(VARIABLE) or "auto")


def _device_of(name: str, kernels: bool) -> torch.device:
    import torch  # noqa: PLC0415 (see the module)

    kind, _, number = name.partition(":")
    if name == "cpu":
        return torch.device("cpu")
    if kind not in ("auto", "cuda") or (":" in name and not number.isdecimal()) or (kind == "auto" and number):
        raise BackendError(f"there is no device {name!r}; name one of auto, cpu, cuda, cuda:0, cuda:1, ...")
    lacking = _lacking(int(number or 0), kernels)
    if not lacking:
        _repeat_runs()
        return torch.device("cuda", int(number or 0))
    if kind == "cuda":
        raise BackendError(f"the device {name!r} cannot be used: {lacking}; or use --device cpu")
    if any(Path(file).exists() for file in DRIVER_FILES):
        warnings.warn(f"the card of this machine lies idle: {lacking}", UserWarning, stacklevel=3)
    return torch.device("cpu")


def _repeat_runs() -> None:
    """Let torch choose algorithms that give the same bits again, as the kernels here do."""
    import torch  # noqa: PLC0415 (see the module)

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    # Tensors that are about to be written need no filling first, which this mode would do.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _lacking(number: int, kernels: bool) -> str:
    """Return what is missing to compute on a card, and what to do; empty if nothing is."""
    import torch  # noqa: PLC0415 (see the module)

    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA; install a build with it (pytorch.org tells which)"
    if not torch.cuda.is_available():
        return "torch finds no NVIDIA card with a working driver; install or update the driver"
    cards = torch.cuda.device_count()
    if number >= cards:
        return f"this machine has {cards} card{'s' if cards > 1 else ''}, cuda:0 to cuda:{cards - 1}"
    return _lacking_of_warp(number) if kernels else ""


def _lacking_of_warp(number: int) -> str:
    import torch  # noqa: PLC0415 (see the module)

    capability = torch.cuda.get_device_capability(number)
    if capability < LEAST_CAPABILITY:
        return (
            f"{torch.cuda.get_device_name(number)} is of compute capability {capability[0]}.{capability[1]}, and "
            f"NVIDIA Warp needs {LEAST_CAPABILITY[0]}.{LEAST_CAPABILITY[1]} or later"
        )
    if find_spec("warp") is None:
        return 'NVIDIA Warp is not installed; install it with: pip install "splatseg[cuda]"'
    import warp as wp  # noqa: PLC0415 (see the module)

    if not wp.is_cuda_available():
        return "the driver is too old for the installed NVIDIA Warp; update the driver (R580 or later)"
    return ""
