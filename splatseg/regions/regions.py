"""Regions of one splat: what they need of it is computed on first use and kept, colours, touching pairs, sights.

Each method returns the Gaussians (N,) bool. A session says which Gaussians are shown: hidden ones are not taken by what
is drawn on a picture.

Alphabet: N Gaussians; H x W pixels.
"""

from __future__ import annotations

import threading
from functools import cached_property

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera
from splatseg.regions.alike import Range, color_at, colors_in_oklab, in_range, near_color
from splatseg.regions.flood import Touching
from splatseg.regions.sight import Sights
from splatseg.select.session import Session


class Regions:
    """Finds Gaussians by where they lie and what they are. Threads may share it."""

    def __init__(self, session: Session) -> None:
        """session: the splat as a whole, nothing hidden."""
        self._session = session
        self._lock = threading.Lock()
        self._sights = Sights()

    @cached_property
    def colors(self) -> np.ndarray:
        """The colour (N,3) of each Gaussian in OKLab."""
        return colors_in_oklab(self._session.splats)

    @cached_property
    def opacities(self) -> np.ndarray:
        """The opacities (N,) in 0..1."""
        opacities: np.ndarray = self._session.splats.opacities.detach().cpu().numpy()
        return opacities

    @cached_property
    def sizes(self) -> np.ndarray:
        """The largest standard deviation (N,) of each Gaussian, in the user's own units."""
        return self._session.reach * np.float32(self._session.splats.coordinates.scale)

    @property
    def touching(self) -> Touching:
        """The pairs of Gaussians that touch; finding them takes a while, once."""
        with self._lock:
            return self._touching

    @cached_property
    def _touching(self) -> Touching:
        return Touching.of(self._session.splats.positions, self._session.reach)

    def drawn(
        self,
        camera: AnyCamera,
        region: np.ndarray,
        visible: bool,
        session: Session | None = None,
        sights: Sights | None = None,
    ) -> np.ndarray:
        """Return the Gaussians in a region (H,W) bool of a picture.

        visible: only those seen there, see `sight`. session: the Gaussians that are shown; None for all. sights: keeps
        the last picture's sight for who asks again; None takes the one of these regions.

        Raises PromptError for a region of another size than the camera's picture.
        """
        kept = self._sights if sights is None else sights
        return kept.sight(session or self._session, camera).inside(region, visible)

    def alike(
        self, camera: Camera, pixel: tuple[float, float], tolerance: float, session: Session | None = None
    ) -> np.ndarray:
        """Return the Gaussians whose colour is within `tolerance`, in OKLab, of that at a pixel (x, y).

        Raises PromptError for a pixel outside the picture or that shows nothing, and a negative tolerance.
        """
        return near_color(self.colors, color_at(session or self._session, camera, pixel), tolerance)

    def between(self, opacity: Range | None, size: Range | None) -> np.ndarray:
        """Return the Gaussians with an opacity and a size in ranges; None is any.

        Raises PromptError for a range that is not in order.
        """
        taken = np.ones(len(self._session.splats), dtype=bool)
        if opacity is not None:
            taken &= in_range(self.opacities, opacity, "opacity")
        if size is not None:
            taken &= in_range(self.sizes, size, "size")
        return taken

    def flooded(
        self,
        members: np.ndarray,
        steps: int | None = None,
        tolerance: float | None = None,
        within: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return members (N,) bool with all that touches them, and so on.

        steps: how often; None until nothing more touches. tolerance: largest distance in OKLab between two that touch;
        None for any. within: (N,) bool, beyond which the flood does not go; None for all.

        Raises PromptError for a negative number of steps or tolerance.
        """
        if tolerance is None:
            return self.touching.flooded(members, steps, within)
        return self.touching.flooded(members, steps, within, self.colors, tolerance)
