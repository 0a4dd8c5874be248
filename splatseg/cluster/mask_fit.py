"""Fit of the masks of every view to what the masks of all views make of the scene.

    fit_v = sum_m total_m max_S overlap_m(S) / sum_m total_m

S are the nodes of the hierarchy, m the masks of view v. Nodes are what masks of many views
agree on, so a mask that none of them resembles is alone. Masks that belong to other pictures, another scene, another
order of the views, are all alone, and whatever is made of them is dust or one piece.

Alphabet: M masks; V views that have masks.

Source: ours; overlaps as in `votes.agreement`.
"""

from __future__ import annotations

import numpy as np

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.votes.agreement import Agreement

FITS = 0.55
"""Fit from which on a view is one of the scene's [desk, kitchenette, demo; masks_sam, masks_sim, 30 % dropped,
proposals: median over views 0.67 to 0.82; masks of other views or of another scene: 0.41 to 0.51]."""


def fit_of_views(agreement: Agreement, hierarchy: Hierarchy) -> np.ndarray:
    """Return the fit (V,) of the masks of every view that has some, 0..1."""
    alive = dict(enumerate(agreement.tallies_of(hierarchy.atoms, hierarchy.count, first=1), start=1))
    total = agreement.total
    best = np.zeros(len(total), dtype=np.float32)
    for node in range(1, hierarchy.count + len(hierarchy.merges) + 1):
        if node > hierarchy.count:
            a, b = hierarchy.merges[node - hierarchy.count - 1].tolist()
            alive[node] = alive.pop(a) + alive.pop(b)
        columns = alive[node].columns
        best[columns] = np.maximum(best[columns], agreement.overlaps(alive[node]))
    fits: np.ndarray = agreement.sum_by_view(best * total) / np.maximum(agreement.sum_by_view(total), 1e-9)
    return fits


def misfit(fits: np.ndarray, views: list[str]) -> str:
    """Return a sentence on masks that do not fit, from fits (V,) of views with these names; "" if all is well.

    Fewer than half of the views that fit say that the masks belong elsewhere; single views are named.
    """
    bad = np.flatnonzero(fits < FITS)
    if len(bad) == 0:
        return ""
    share = f"the masks of {len(fits) - len(bad)} of {len(fits)} views fit what the others show"
    if 2 * len(bad) > len(fits):
        return (
            f"{share}, so segments cannot be trusted; check that the masks belong to this capture, view by view, and "
            "that they show things"
        )
    names = ", ".join(views[index] for index in bad[np.argsort(fits[bad])][:3])
    return f"{share}; look at the masks of {names}{' and others' if len(bad) > 3 else ''}"
