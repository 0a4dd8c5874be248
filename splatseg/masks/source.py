"""The one thing that users of masks need to know: segments of a view, or that it has none."""

from __future__ import annotations

from typing import Protocol

from splatseg.capture.capture import View
from splatseg.masks.segments import Segments


class MaskSource(Protocol):
    """Source of the masks of views: a `MaskStore`, or anything else that can be read so."""

    def read(self, view: View) -> Segments | None:
        """The segments of a view at the size of its camera, or None if it has no masks."""
