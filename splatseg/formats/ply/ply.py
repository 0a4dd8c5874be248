"""Splats as PLY files, in the layout of 3D Gaussian Splatting that every viewer reads.

We read by name, never by position: any order, any numeric type, ascii and both byte orders, normals or none, other
elements, comments (`columns`: names and forms; `meaning`: what changes the meaning of the rest). We write binary
little-endian in INRIA's order, then features, then segment ids, then unknown properties:

    x y z  nx ny nz  f_dc_0..2  f_rest_*  opacity  scale_0..2  rot_0..3  f_seg_0..F-1  segment_id  extras

Positions are in the user's own coordinates: doubles, where float32 would lose digits that count. A run's own file keeps
those of the world that it computes in, and says so in a comment (`Splats.coordinates`). Doubles that are read are moved
into such a world, too.

Alphabet: N Gaussians; K harmonics beyond the constant; F features. opacity is the logit, scale the logarithm, rot wxyz.
f_rest is channel-major: all K of red, then of green, then of blue. Features are read under the names of several
programs (`table.FEATURE_PREFIXES`) and written as f_seg_*. Unknown properties are kept in `Splats.extras` in their own
type and written again. A compressed PLY has another body and is read by `compressed_ply`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from splatseg.formats.compressed_ply import read_compressed_ply
from splatseg.formats.ply.columns import columns_of
from splatseg.formats.ply.forms import forms_of
from splatseg.formats.ply.header import read_header
from splatseg.formats.ply.meaning import is_antialiased, look_plain, warn_of_antialiasing, warn_of_plain_opacities
from splatseg.formats.ply.table import open_table
from splatseg.formats.ply.writing import Layout, needs_doubles, write_ply_blocks
from splatseg.splats.stored import StoredSplats

if TYPE_CHECKING:
    from splatseg.splats.splats import Splats


def read_ply(path: Path) -> StoredSplats:
    """Read a splat. Values are kept even if they are not finite (see `formats.read.load_splats`).

    Warns of all that is not read as it stands: harmonics beyond degree 3; discs of 2D Gaussian Splatting; a file of
    SAGA's features, which has no colours, is grey; and see `formats.ply.meaning`.

    Raises SplatFileError for anything but a complete splat.
    """
    path = Path(path)
    header = read_header(path)
    table = open_table(path, header)
    if table is None:
        antialiased = is_antialiased(header.comments)
        if antialiased:
            warn_of_antialiasing(path)
        return dataclasses.replace(read_compressed_ply(path, header), antialiased=antialiased)
    table.body.check_memory()
    table.warn()
    body = table.body.rows(0, table.body.count)
    stored = table.stored(body, forms_of([table]))
    if not table.linear_opacities:
        plain = stored.opacities if table.smoothed is None else columns_of(body, ("opacity",))
        if look_plain(plain):
            warn_of_plain_opacities(path, len(stored))
    return stored


def write_ply(path: Path, splats: Splats, comments: Sequence[str] = (), own: bool = True) -> None:
    """Write a splat, atomically. comments: lines of the header.

    own: in the user's own coordinates; if not, in the world of the splat, which a comment describes.
    """
    write_ply_blocks(path, [splats], len(splats), Layout(comments, own, own and needs_doubles(splats)))
