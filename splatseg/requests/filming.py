"""Films asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from splatseg.render.film.kinds import Codec

Direction = Literal["x", "-x", "y", "-y", "z", "-z"]


@dataclass(frozen=True)
class Film:
    """A film to make.

    Example:
        >>> splatseg.Film("orbit", seconds=2, fps=12).frames
        24
    """

    path: str = "orbit"
    """orbit, capture, or a file or folder of keyframes for `capture.load_cameras`, in the order of their names."""
    seconds: float = 8.0
    """Length of the film in seconds."""
    fps: float = 30.0
    """Frames per second."""
    size: tuple[int, int] | None = None
    """Width and height in pixels. None: as the keyframes; as the capture, at most 720 rows; 1280x720 for a file."""
    codec: Codec = "auto"
    """Codec of an .mp4: av1, h264 (needs the program ffmpeg), or auto for h264 if it can be had."""
    up: Direction | None = None
    """The up direction of a splat file, which comes without cameras; None is -y, as in most files."""
    draft: bool = False
    """Gaussians smaller than a pixel are merged: large splats are filmed faster, and look nearly the same."""

    @property
    def frames(self) -> int:
        """Number of frames, at least one."""
        return max(1, round(self.seconds * self.fps))
