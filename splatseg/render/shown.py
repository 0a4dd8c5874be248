"""Names of what a picture of a splat can show."""

from typing import Literal

Shown = Literal["rgb", "features", "segments", "overlay", "masks", "depth"]
