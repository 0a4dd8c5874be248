"""The votes of one view, in a file that is named after all that they are made of.

    rows, totals (n,)      the Gaussians that the view sees, ascending, and the total weight of each
    counts (n,)            votes of each of them; columns, weights (E,): theirs, as many as the counts add up to
    view_of .. weight_of   (M,) the facts of the masks (`votes.votes.facts_of`)

10 bytes a Gaussian seen and 6 a vote, if no Gaussian and no view has more than 65,535. The name is a digest of the
splat's geometry, of the camera, and of the masks: whoever finds the file has these votes, and a file of other masks
has another name. A view without masks has a file too.

Alphabet: n Gaussians seen; E votes above the floors; M masks of the view.

Source: BLAKE2b (Aumasson et al. 2013), 128 bits, as Python has it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.capture.view import View
from splatseg.errors import RunError
from splatseg.masks.segments import Segments
from splatseg.tensors import map_tensors, write_tensors
from splatseg.votes.gathering import Entries
from splatseg.votes.votes import SHARE_FLOOR, WEIGHT_FLOOR, facts_of, has_true_masks

FORMAT = "splatseg votes of a view 1"
"""Name of the format, in the metadata of the file."""

FACTS = ("view_of", "id_of", "areas", "layer_of", "source_of", "weight_of")
"""Names of what `votes.votes.facts_of` returns."""


@dataclass(frozen=True)
class ViewVotes:
    """A file of the votes of a view, in a few numbers."""

    name: str
    """Name of the file in its folder."""
    masked: bool
    """False for a view without masks."""
    true: bool
    """True if a person drew its masks."""
    masks: int
    """M, number of its masks."""
    entries: int
    """E, number of votes."""
    totals: int
    """Gaussians whose total is above zero."""


def name_of(geometry: str, view: View, segments: Segments | None) -> str:
    """Return the name of the file of a view's votes. geometry: digest of the splat (`splats.made_of`)."""
    camera = view.camera
    hashed = hashlib.blake2b(digest_size=16)
    hashed.update(f"{FORMAT}\0{geometry}\0{view.name}\0{camera.width} {camera.height}\0".encode())
    hashed.update(f"{SHARE_FLOOR} {WEIGHT_FLOOR}\0".encode())
    hashed.update(camera.viewmat.tobytes() + camera.K.tobytes())
    if segments is not None:
        hashed.update(f"{segments.count} masks in {len(segments.layers)} layers\0".encode())
        for values in (*segments.layers, segments.ignored, segments.source_of, segments.weights):
            hashed.update(b"none\0" if values is None else f"{values.dtype.str} {values.shape}\0".encode())
            hashed.update(b"" if values is None else np.ascontiguousarray(values).view(np.uint8).data)
    return f"{hashed.hexdigest()}.safetensors"


def write_view(
    path: Path, segments: Segments | None, rows: np.ndarray, entries: Entries, totals: np.ndarray
) -> ViewVotes:
    """Write the votes of a view, atomically, and return what is in the file.

    rows (n',) of the Gaussians that were looked at, ascending; entries (E,): place among these, column, weight; totals
    (n',).
    """
    places, columns, weights = entries
    counts = np.bincount(places, minlength=len(rows))
    # A total may be rounded to zero where nearly all that is seen is ignored.
    kept = np.flatnonzero((totals > 0) | (counts > 0))
    facts = [] if segments is None else facts_of(segments, 0)
    tensors = {
        "rows": rows[kept].astype(np.int32),
        "totals": totals[kept],
        "counts": _narrow(counts[kept]),
        "columns": _narrow(columns),
        "weights": weights,
        **dict(zip(FACTS, facts, strict=bool(facts))),
    }
    made = ViewVotes(
        path.name,
        masked=segments is not None,
        true=segments is not None and has_true_masks(segments),
        masks=0 if segments is None else segments.count,
        entries=len(weights),
        totals=int(np.count_nonzero(totals)),
    )
    write_tensors(path, FORMAT, tensors, {"masked": made.masked, "true": made.true, "totals": made.totals})
    return made


def find_view(path: Path) -> ViewVotes | None:
    """Return what is in a view's file; None if there is none, or it is damaged."""
    if not path.exists():
        return None
    try:
        tensors, facts = map_tensors(path, FORMAT, "it is made again")
        masks = len(tensors["areas"]) if facts["masked"] else 0
        return ViewVotes(
            path.name, bool(facts["masked"]), bool(facts["true"]), masks, len(tensors["weights"]), int(facts["totals"])
        )
    except (RunError, LookupError, TypeError, ValueError):
        return None


def _narrow(values: np.ndarray) -> np.ndarray:
    """Return whole numbers in 16 bits, if they fit, or else 32."""
    return values.astype(np.uint16 if values.max(initial=0) < 1 << 16 else np.int32)
