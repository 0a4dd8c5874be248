"""Exports asked for.

A known length is given as four texts: a view, two of its pixels, and their distance in metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

ExportLayout = Literal["inria"]


@dataclass(frozen=True)
class ExportOptions:
    """Choices of an export."""

    segment: Annotated[tuple[int, ...], tyro.conf.arg(metavar="ID")] = ()
    """Ids of the segments to write (see segments.json); default: everything."""
    format: str | None = None
    """Format, if the suffix does not say it."""
    each: bool = False
    """Write every segment as a file of its own, in a new folder, as .ply or in --format."""
    rest: bool = False
    """Write the rest too, the Gaussians of none of the segments, in a file of its own."""
    fill: bool = False
    """Close the holes in the rest, where the segments stood, with copies of what is around (marked made_up)."""
    plain: bool = False
    """Only geometry and colour, for programs that refuse more."""
    mesh: bool = False
    """A closed triangle mesh of each segment, or of everything if there are none: .glb, .obj, .stl, .ply."""
    faces: int | None = None
    """Most faces of each mesh. Default: all that its surface has."""
    watertight: bool = False
    """Refuse to write a mesh that does not close. Meshes close of themselves, also where no view has seen them."""
    hull: bool = False
    """The convex hull of each mesh in its place, a shape for collisions."""
    length: Annotated[tuple[str, str, str, float] | None, tyro.conf.arg(metavar="VIEW X,Y X,Y METRES")] = None
    """A known length: two pixels of a view and the metres between them. What is written is in metres then."""
    parts: int | None = None
    """Write a folder of so many parts, each a .ply, which is one splat wherever a splat is taken."""
    sort: bool = False
    """Put what is near in space near in the file (.ply, --parts), so that blocks of a huge splat lie apart."""
    layout: ExportLayout | None = None
    """A folder as the viewers of 3D Gaussian Splatting want it: point_cloud/, cameras.json, input.ply, cfg_args."""
