""".splat files: 32 bytes a Gaussian, no header, colours independent of the direction.

    position 3 x float32 · scale 3 x float32, linear · red green blue opacity 4 x uint8 · quaternion wxyz 4 x uint8

Colours and opacity are physical in 0..255; a quaternion component q is stored as round(128 q + 128). Little-endian.
Source: the format of antimatter15's splat viewer, as its readers define it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splatseg.errors import SplatFileError
from splatseg.files import atomic_write
from splatseg.splats.activations import Y0, to_sh0
from splatseg.splats.stored import StoredSplats
from splatseg.untrusted.memory import Guard

if TYPE_CHECKING:
    from splatseg.splats.splats import Splats

ROW = np.dtype([("position", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("quat", "u1", 4)])


GAUSSIAN = 200
"""Bytes that a Gaussian takes at the peak of reading: its row, and its parameters twice while they are tested."""


def read_splat(path: Path) -> StoredSplats:
    """Read a .splat file: degree 0, no features. Opacities of 0 and 255 become finite logits.

    Raises SplatFileError if the file is missing, empty, or not a whole number of Gaussians.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size == 0 or size % ROW.itemsize:
            raise SplatFileError(
                f"{path} has {size} bytes, which is not a whole number of Gaussians of {ROW.itemsize} bytes, so it is "
                "cut off or not a .splat file; export or copy it again"
            )
        guard = Guard(SplatFileError, path, size)
        guard.check(f"{size // ROW.itemsize:,} Gaussians", size // ROW.itemsize * GAUSSIAN)
        body = np.fromfile(path, ROW)
    except FileNotFoundError:
        raise SplatFileError(f"there is no file {path}; check the path") from None
    except OSError as error:
        raise SplatFileError(f"{path} cannot be read ({error.strerror}); give a .splat file") from None
    rgba = body["rgba"].astype(np.float32) / 255
    return StoredSplats(
        means=body["position"].astype(np.float32),
        quats=(body["quat"].astype(np.float32) - 128) / 128,
        scales=body["scale"].astype(np.float32),
        linear_scales=True,
        opacities=rgba[:, 3].copy(),
        linear_opacities=True,
        sh0=to_sh0(rgba[:, :3]),
        shN=np.zeros((len(body), 0, 3), np.float32),
    )


def write_splat(path: Path, splats: Splats) -> None:
    """Write a .splat file, atomically, without harmonics beyond the constant, features and ids."""
    body = np.empty(len(splats), ROW)
    rgb, quats = 0.5 + Y0 * splats.sh0.detach(), splats.quats.detach()
    quats = quats / quats.norm(dim=1, keepdim=True).clamp_min(1e-12)
    body["position"] = splats.positions
    body["scale"] = splats.scales.detach().cpu().numpy()
    body["rgba"][:, :3] = (rgb * 255).round().clamp(0, 255).cpu().numpy()
    body["rgba"][:, 3] = (splats.opacities.detach() * 255).round().clamp(0, 255).cpu().numpy()
    body["quat"] = (quats * 128 + 128).round().clamp(0, 255).cpu().numpy()
    with atomic_write(Path(path)) as file:
        file.write(body.tobytes())
