"""A splat of any size with all its fields, of which memory holds only the segment ids.

    geometry, colours, extras   copied into scratch memory (`machine.mapped`), each field by itself
    features                    mapped where they lie in the file, if it is a .ply of this program; else copied as well

So whatever takes `Splats` reads the rows that it needs: of a segment, or of what a camera sees (`splats.mapped`). It
takes one pass over the file, and on the disk of temporary files 60 bytes a Gaussian and those of its colours.

Alphabet: N Gaussians.
"""

from __future__ import annotations

import numpy as np
import torch

from splatseg.formats.parts.blocks import FileBlocks
from splatseg.formats.parts.pick import features_of_blocks, ids_of_blocks
from splatseg.machine.mapped import ranges, release, scratch
from splatseg.splats.mapped.geometry import Limits, MappedSplats
from splatseg.splats.splats import splats_of


def map_splats(blocks: FileBlocks) -> MappedSplats:
    """Return all Gaussians of a splat in blocks, mapped, with every field that it has.

    Raises SplatFileError if a file changed or cannot be read, OSError if the disk has no room for the copies.

    Example:
        >>> from splatseg.formats.parts.mapped import map_splats
        >>> from splatseg.formats.parts.opening import open_blocks
        >>> mapped = map_splats(open_blocks(run.path / "splats.ply"))
        >>> bool((mapped.subset(mapped.segment_ids == 1).sh0 == scene.splats.sh0[scene.splats.segment_ids == 1]).all())
        True
    """
    count, form = len(blocks), blocks.form
    widths = {"means": 3, "quats": 4, "log_scales": 3, "opacity_logits": 0, "linear_scales": 3, "linear_opacities": 0}
    made = {name: scratch((count, width) if width else count, np.float32) for name, width in widths.items()}
    made |= {"sh0": scratch((count, 3), np.float32), "shN": scratch((count, *form.shN.shape[1:]), np.float32)}
    extras = {name: scratch(count, values.dtype) for name, values in form.extras.items()}
    limits = Limits.of(count)
    for rows in ranges(count):
        part = splats_of(blocks.stored(rows.start, rows.stop, "all" if extras else "colors"))
        physical = {"linear_scales": part.scales, "linear_opacities": part.opacities}
        for name, values in made.items():
            values[rows] = (physical[name] if name in physical else getattr(part, name)).numpy()
        for name, values in extras.items():
            values[rows] = part.extras[name]
        limits.widen(rows.start, part.positions, part.scales.numpy())
        release(*made.values(), *extras.values())
    ids, features = ids_of_blocks(blocks), features_of_blocks(blocks)
    return MappedSplats(
        **{name: torch.from_numpy(values) for name, values in made.items()},
        features=None if features is None else torch.from_numpy(features),
        segment_ids=None if ids is None else torch.from_numpy(ids),
        extras=extras,
        antialiased=blocks.antialiased,
        coordinates=blocks.coordinates,
        boxes=limits.boxes,
        reaches=limits.reaches,
    )
