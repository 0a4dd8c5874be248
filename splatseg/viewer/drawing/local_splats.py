"""Lets the browser draw the splat itself while its camera moves.

viser's own renderer is smooth with a graphics card, but without view-dependent colour. The splat is sent once (32 bytes
per Gaussian), and again when the selection or the hidden Gaussians have changed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from splatseg.raster.rotations import rotation_matrices
from splatseg.render.overlays import SELECTED
from splatseg.splats.activations import Y0
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.workspace import Workspace

if TYPE_CHECKING:
    import viser

MOST = 2_000_000
"""Most Gaussians of a splat that a browser draws: 64 MB to send at every change of the selection, and the browser sorts
them anew for every picture."""

TINT = 0.5
"""Share of amber in the colour of a selected Gaussian."""

SORTING = 0.4
"""Seconds for the browser to sort the Gaussians, before the last picture behind its splat is removed."""

HALF_MAX = 65504.0
"""Largest 16-bit float; viser packs covariances as such, and a huge Gaussian must not become infinite."""


class LocalSplats:
    """The copy of the splat in one browser."""

    def __init__(self, client: viser.ClientHandle, scene: ShownScene, workspace: Workspace) -> None:
        self._client, self._scene, self._workspace = client, scene, workspace
        self._handle: Any = None
        self._sent: tuple[bytes, bytes] | None = None
        self._shown_at: float | None = None

    @property
    def shown(self) -> bool:
        """True while the browser draws the splat."""
        return self._handle is not None and bool(self._handle.visible)

    def show(self, on: bool) -> None:
        """Show or hide the browser's splat."""
        if on:
            self._bring_up_to_date()
        if self._handle is not None and self.shown != on:
            self._handle.visible = on
            self._shown_at = time.monotonic() if on else None

    def takes_over(self) -> bool:
        """Return True once after the splat is shown, when the browser has had time to sort and draw it.

        Until then the last picture stays behind it, so that nothing flashes; afterwards it is not needed any more.
        """
        if self._shown_at is None or time.monotonic() - self._shown_at < SORTING:
            return False
        self._shown_at = None
        return True

    def close(self) -> None:
        """Remove the splat from the browser."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def _bring_up_to_date(self) -> None:
        members, hidden = self._workspace.members, self._workspace.hidden
        state = (np.packbits(members).tobytes(), b"" if hidden is None else np.packbits(hidden).tobytes())
        if state == self._sent:
            return
        self._sent = state
        splats = self._scene.splats
        with torch.no_grad():
            # The constant term of the harmonics only: viser takes one colour per Gaussian.
            rgbs = (0.5 + Y0 * splats.sh0).clamp(0.0, 1.0).numpy().copy()
            opacities = splats.opacities.numpy().copy()
        rgbs[members] = (1.0 - TINT) * rgbs[members] + TINT * np.array(SELECTED, dtype=np.float32) / 255.0
        if hidden is not None:
            opacities[hidden] = 0.0
        if self._handle is None:
            self._handle = self._client.scene.add_gaussian_splats(
                "/splat",
                centers=splats.positions,
                covariances=_covariances(splats.quats.detach(), splats.scales.detach()),
                rgbs=rgbs,
                opacities=opacities[:, None],
                visible=False,
            )
        else:
            self._handle.rgbs = rgbs
            self._handle.opacities = opacities[:, None]


def _covariances(quats: torch.Tensor, scales: torch.Tensor) -> np.ndarray:
    """Return R diag(s^2) R^T (N,3,3) for quaternions wxyz (N,4) and standard deviations s (N,3)."""
    axes = rotation_matrices(torch.nn.functional.normalize(quats, dim=1)) * scales[:, None, :]
    covariances: np.ndarray = (axes @ axes.transpose(1, 2)).clamp(-HALF_MAX, HALF_MAX).numpy()
    return covariances
