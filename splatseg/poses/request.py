"""The request for poses, as data. Light to import, so that a help text is too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Matching = Literal["auto", "exhaustive", "sequential", "alike"]
"""Ways to choose the pairs of photographs that are compared."""


@dataclass(frozen=True)
class CaptureRequest:
    """The way poses of photographs are found."""

    camera: str = "OPENCV"
    """Model of the lens, as COLMAP names it: OPENCV for phones and cameras, OPENCV_FISHEYE for fisheyes, PINHOLE for
    pictures that are undistorted."""
    matching: Matching = "auto"
    """Photographs that are compared. exhaustive: all pairs; sequential: neighbours, as in a film, and loops; alike:
    those that look alike. auto: sequential for a video, exhaustive to 150 photographs, else alike."""
    frames: int = 120
    """Frames to take of a video."""
