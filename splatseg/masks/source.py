"""The protocol of a source of masks: it gives the segments of a view, or None."""

from __future__ import annotations

from typing import Protocol

from splatseg.capture.view import View
from splatseg.masks.segments import Segments


class MaskSource(Protocol):
    """A source of the masks of views: a `MaskStore`, or any object with this method."""

    def read(self, view: View) -> Segments | None:
        """Return the segments of a view at the size of its camera, or None if it has no masks."""
