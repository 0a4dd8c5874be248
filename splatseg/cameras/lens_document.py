"""A lens in a JSON document: an object with the fields of `cameras.lens.Lens`, as `dataclasses.asdict` gives them."""

from __future__ import annotations

import numpy as np

from splatseg.cameras.camera import MOST_PIXELS, impossible
from splatseg.cameras.faces import impossible_lens
from splatseg.cameras.lens import KINDS, SHAPES, Lens
from splatseg.cameras.lens_camera import LensCamera
from splatseg.untrusted.documents import Field


def lens_of_document(field: Field) -> Lens:
    """Return the lens that a document holds. Raises DocumentError, which names the field, if it is none."""
    kind = str(field["kind"].choice(KINDS))
    (fx, fy), (cx, cy), (px, py) = (field[name].numbers(2) for name in ("focal", "centre", "tangential"))
    s0, s1, s2, s3 = field["prism"].numbers(4)
    lens = Lens(
        kind,
        (fx, fy),
        (cx, cy),
        field["width"].whole(1, int(MOST_PIXELS)),
        field["height"].whole(1, int(MOST_PIXELS)),
        radial=_row(field["radial"]),
        divisor=_row(field["divisor"]),
        tangential=(px, py),
        prism=(s0, s1, s2, s3),
        shape=_row(field["shape"]),
        chained=field["chained"].flag(),
    )
    if len(lens.shape) != SHAPES.get(kind, 0):
        raise field["shape"].wrong(f"{SHAPES.get(kind, 0)} numbers for a lens of the kind {kind}")
    if impossible(LensCamera(np.eye(4), lens).pinhole) or impossible_lens(lens):
        raise field.wrong("a lens that a photograph can be taken through")
    return lens


def _row(field: Field) -> tuple[float, ...]:
    return tuple(item.number() for item in field.items("number"))
