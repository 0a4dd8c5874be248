"""Votes: the contribution of every Gaussian to each 2D mask of each view. One pass over the views, no gradient.

    weights[i, m] = sum over the pixels p of mask m of w_i(p)      seen[i] = sum over all pixels of all views of w_i(p)

w_i(p) is the blending weight of Gaussian i at pixel p (docs/conventions.md). A column is a mask lifted to 3D; and
because blending is linear in features on frozen geometry, this one matrix holds everything that masks say about
Gaussians.

Masks of a view may come from several sources, say two models. Each source is asked by itself: what view v's masks of
one source show is one *witness*, as if every source had photographs of its own. The weight of a source says how many
such witnesses each of its views counts for. True masks, which a person drew, have no number: together they weigh as
much as all other witnesses together, and at least 1 each.

Alphabet: N Gaussians; M masks of all views together, a column each; a mask is named by its view and its id there.

Source: labels are linear in blending weights (FlashSplat, Shen et al. 2024; LUDVIG, Marrie et al. 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy import sparse

from splatseg.arrays import check_shapes
from splatseg.capture.view import View
from splatseg.errors import MaskError
from splatseg.machine.devices import to_device
from splatseg.masks.segments import Segments
from splatseg.masks.source import MaskSource
from splatseg.progress import Progress, counted
from splatseg.raster.interface import Plan, prepare, vote_above
from splatseg.raster.weights import Floors
from splatseg.splats.splats import Splats
from splatseg.votes.gathering import Entries, Gathering

WEIGHT_FLOOR = 1e-3
"""Votes below this many pixels are dropped: they come from light that leaks through a nearly opaque surface."""

SHARE_FLOOR = 2e-3
"""Votes below this share of all that the view sees of the Gaussian are dropped: the far tails of its footprint."""


@dataclass(frozen=True, eq=False)
class Votes:
    """Contributions of all Gaussians to all masks."""

    weights: sparse.csr_array
    """(N,M) float32 CSR, in pixels."""
    view_of: np.ndarray
    """(M,) int32, index into `views`."""
    id_of: np.ndarray
    """(M,) int32, the mask's id in its view."""
    areas: np.ndarray
    """(M,) int64, pixels of the mask."""
    seen: np.ndarray
    """(N,) float32, total blending weight over all pixels of the views that have masks."""
    views: tuple[str, ...]
    """Names of the views that have masks."""
    layer_of: np.ndarray
    """(M,) int32; masks of one view and layer do not overlap."""
    source_of: np.ndarray | None = None
    """(M,) int32, the source of each mask, ascending within a view; None for a single source."""
    weight_of: np.ndarray | None = None
    """(M,) float32, the weight of each mask, that of its source; None: 1 for all."""
    true_of: np.ndarray | None = None
    """(M,) bool, masks that a person drew and that lead the others; None for none."""
    visible: sparse.csr_array | None = None
    """(N,V') float32, pixels that each of the V' views with true masks sees of every Gaussian, drawn on or not."""

    def __post_init__(self) -> None:
        check_shapes(
            weights=(self.weights, "N M"),
            view_of=(self.view_of, "M"),
            id_of=(self.id_of, "M"),
            areas=(self.areas, "M"),
            seen=(self.seen, "N"),
            layer_of=(self.layer_of, "M"),
        )
        given = {name: getattr(self, name) for name in ("source_of", "weight_of", "true_of")}
        columns = f"{len(self.view_of)}"
        check_shapes(**{name: (values, columns) for name, values in given.items() if values is not None})
        if self.true_of is not None:
            assert self.visible is not None, "true masks need all that their views see"
            views = len(np.unique(self.view_of[self.true_of]))
            check_shapes(visible=(self.visible, f"{self.weights.shape[0]} {views}"))

    @cached_property
    def witness_of(self) -> np.ndarray:
        """(M,) int32: the witness of each mask, a view as the masks of one source show it; numbered 0, 1, ... in order.

        With a single source these are the views that have any mask.
        """
        sources = np.zeros(len(self.view_of), np.int64) if self.source_of is None else self.source_of.astype(np.int64)
        pair = self.view_of.astype(np.int64) * (int(sources.max(initial=0)) + 1) + sources
        witness_of: np.ndarray = np.unique(pair, return_inverse=True)[1].astype(np.int32)
        return witness_of

    @property
    def mask_weights(self) -> np.ndarray:
        """(M,) float32: `weight_of`, or ones."""
        return np.ones(len(self.view_of), np.float32) if self.weight_of is None else self.weight_of

    @property
    def witness_views(self) -> tuple[str, ...]:
        """Names of the views of the witnesses, in order."""
        first = np.unique(self.witness_of, return_index=True)[1]
        return tuple(self.views[view] for view in self.view_of[first])


@torch.no_grad()
def collect_votes(
    splats: Splats,
    views: Sequence[View],
    masks: MaskSource,
    progress: Progress | None = None,
) -> Votes:
    """Collect the votes of the masks of all `views`; views without masks are skipped. One view is in memory at a time.

    progress(done, total) is called after every view. Pixels of label 0 vote for nothing; ignored pixels
    (`Segments.ignored`) are treated as unseen.

    Raises MaskError if no view has masks, if all masks are empty, or if no mask sees a Gaussian.

    Example:
        >>> votes = splatseg.collect_votes(scene.splats, capture.split("train"), run.masks())
        >>> votes.weights.shape[0] == len(scene.splats)
        True
    """
    gathering = Gathering(len(splats))
    names: list[str] = []
    facts: list[tuple[np.ndarray, ...]] = []
    seen = np.zeros(len(splats), dtype=np.float64)
    visible: list[sparse.csr_array] = []
    means, quats, scales, opacities = to_device(*splats.geometry)
    for view in counted(views, progress):
        segments = masks.read(view)
        if segments is not None:
            plan = prepare(means, quats, scales, opacities, view.camera)
            of_view = _add_view(gathering, plan, segments)
            seen += of_view
            if has_true_masks(segments):
                visible.append(sparse.csr_array(of_view[:, None]))
            facts.append(facts_of(segments, len(names)))
            names.append(view.name)
    check_any(len(views), len(names), gathering.columns, gathering.entries)
    votes = votes_of(facts, tuple(names), len(visible))
    return replace(
        votes,
        weights=gathering.matrix(),
        seen=seen.astype(np.float32),
        visible=sparse.hstack(visible, format="csr") if visible else None,
    )


def votes_of(facts: Sequence[tuple[np.ndarray, ...]], names: tuple[str, ...], true_views: int) -> Votes:
    """Return votes of no Gaussians yet, of the masks of views with these names.

    facts: `facts_of` each view. true_views: number of the views that have true masks.
    """
    view_of, id_of, areas, layer_of, source_of, weight_of = map(np.concatenate, zip(*facts, strict=True))
    weights = sparse.csr_array((0, len(view_of)), dtype=np.float32)
    votes = Votes(weights, view_of, id_of, areas, np.zeros(0, np.float32), names, layer_of)
    if source_of.any():
        votes = replace(votes, source_of=source_of)
    if (weight_of == 1).all():
        return votes
    votes = replace(votes, weight_of=_finite(weight_of, votes.witness_of))
    visible = sparse.csr_array((0, true_views), dtype=np.float32)
    return replace(votes, true_of=np.isinf(weight_of), visible=visible) if true_views else votes


def visible_under_masks(votes: Votes) -> sparse.csr_array:
    """Add up the votes of each witness (`Votes.witness_of`): (N,V) float32, pixels.

    Masks of one layer do not overlap, so their votes add up; layers overlap one another, so the fullest one counts.
    """
    view_of = votes.witness_of
    visible = sparse.csr_array((votes.weights.shape[0], int(view_of.max(initial=-1)) + 1), dtype=np.float32)
    for layer in range(int(votes.layer_of.max(initial=0)) + 1):
        # A matrix (M,V) with a one for every mask of the layer adds the columns of each view.
        columns = np.flatnonzero(votes.layer_of == layer)
        ones, shape = np.ones(len(columns), dtype=np.float32), (len(view_of), visible.shape[1])
        gather = sparse.csr_array((ones, (columns, view_of[columns])), shape=shape)
        visible = sparse.csr_array(visible.maximum(votes.weights @ gather))
    return visible


def has_true_masks(segments: Segments) -> bool:
    """Tell whether a person drew the masks of a view."""
    return segments.weights is not None and bool(np.isinf(segments.weights).any())


def facts_of(segments: Segments, view: int) -> tuple[np.ndarray, ...]:
    """Return view, id, area, layer, source and weight of each mask of a view."""
    count = segments.count
    return (
        np.full(count, view, dtype=np.int32),
        np.arange(1, count + 1, dtype=np.int32),
        np.asarray(segments.areas(), dtype=np.int64),
        segments.layer_of(),
        np.zeros(count, dtype=np.int32) if segments.source_of is None else segments.source_of,
        np.ones(count, dtype=np.float32) if segments.weights is None else segments.weights,
    )


def _finite(weight_of: np.ndarray, witness_of: np.ndarray) -> np.ndarray:
    """Return weights (M,) float32 with a number for true masks, whose weight is infinite; witness_of (M,)."""
    true = np.isinf(weight_of)
    if not true.any():
        return weight_of
    # One mask of each witness: all its masks have the same weight.
    one = np.unique(witness_of, return_index=True)[1]
    others = float(weight_of[one][~true[one]].sum())
    finite: np.ndarray = np.where(true, max(1.0, others / int(true[one].sum())), weight_of).astype(np.float32)
    return finite


def _add_view(gathering: Gathering, plan: Plan, segments: Segments) -> np.ndarray:
    """Add the votes of the masks of one view in all its layers, above the floors; return its total weight (N,)."""
    entries, total = entries_of_view(plan, segments)
    gathering.add(*entries, segments.count)
    return total


def entries_of_view(plan: Plan, segments: Segments) -> tuple[Entries, np.ndarray]:
    """Return the votes above the floors of the masks of one view in all its layers, and its total weight (N,).

    The votes are rows, columns and weights (E,); rows ascend, and within a row columns, which are ids - 1.
    """
    if not segments.layers:
        empty = np.zeros(0, dtype=np.int32)
        return (empty, empty, np.zeros(0, dtype=np.float32)), np.zeros(plan.count, dtype=np.float32)
    layers, ignored = list(segments.layers), 0
    if segments.ignored is not None:  # a label of its own
        ignored = segments.count + 1
        layers.append(np.where(segments.ignored, ignored, 0).astype(np.int32))
    maps = torch.from_numpy(layers[0][None] if len(layers) == 1 else np.stack(layers))
    floors = Floors(SHARE_FLOOR, WEIGHT_FLOOR, ignored)
    found, totals = vote_above(plan, maps, max(segments.count, ignored), floors)
    return (found.rows.numpy(), found.columns.numpy(), found.weights.numpy()), totals.numpy()


def check_any(view_count: int, masked: int, columns: int, entries: int) -> None:
    """Raise MaskError unless some of the views have masks, these hold something, and something is seen through them."""
    if not masked:
        raise MaskError(
            f"none of the {view_count} views has masks; give a folder in which every mask carries the name of its image"
        )
    if columns == 0:
        raise MaskError(
            f"the masks of all {masked} views are empty (every pixel is 0 = none); ids of segments start at 1"
        )
    if entries == 0:
        raise MaskError(
            f"no Gaussian is seen through any mask of the {masked} views; "
            "check that the splat and the cameras belong to the same capture"
        )
