"""Atoms of a refined splat: a Gaussian keeps its parent's atom, unless it has moved to another segment.

Then it takes the atom of the nearest Gaussian that has stayed in that segment, so that the hierarchy of segments still
holds: its cuts have the Gaussians that the segments have.

Alphabet: N Gaussians before, N' after; atoms (N,) int32, 0 = none; parent (N',) index of the Gaussian before.
"""

from __future__ import annotations

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.nearest import tree_of
from splatseg.splats.splats import Splats


def inherited_atoms(atoms: np.ndarray, parent: np.ndarray, before: Splats, after: Splats) -> np.ndarray:
    """Return the atoms (N',) int32 of a refined splat, from atoms (N,) and parent (N',); both splats carry segment ids.

    An atom that would lose all its Gaussians keeps them.
    """
    check_shapes(atoms=(atoms, "N"), means=(before.means, "N 3"))
    check_shapes(parent=(parent, "M"), means=(after.means, "M 3"))
    assert before.segment_ids is not None and after.segment_ids is not None
    old, new = before.segment_ids.numpy()[parent], after.segment_ids.numpy()
    inherited: np.ndarray = atoms[parent].astype(np.int32)
    means = after.positions
    came = (old != new) & np.isfinite(means).all(1)
    for segment in np.unique(new[came]):
        moved, stayed = came & (new == segment), ~came & (new == segment)
        if stayed.any():
            nearest = tree_of(means[stayed]).query(means[moved])[1]
            inherited[moved] = inherited[stayed][nearest]
    lost = np.isin(atoms[parent], np.setdiff1d(atoms[parent], inherited))
    inherited[lost] = atoms[parent][lost]
    return inherited
