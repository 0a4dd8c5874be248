"""What views see of Gaussians under their masks, from the votes alone.

Alphabet: N Gaussians; M masks; V views that have masks, numbered anew in their order.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from splatseg.votes.votes import Votes


def visible_under_masks(votes: Votes) -> sparse.csr_array:
    """(N,V) float32, pixels: of masks of one layer, which are apart, the sum; layers lie on one another, so the fullest
    layer counts."""
    view_of = np.unique(votes.view_of, return_inverse=True)[1]
    visible = sparse.csr_array((votes.weights.shape[0], int(view_of.max(initial=-1)) + 1), dtype=np.float32)
    for layer in range(int(votes.layer_of.max(initial=0)) + 1):
        columns = np.flatnonzero(votes.layer_of == layer)
        ones, shape = np.ones(len(columns), dtype=np.float32), (len(view_of), visible.shape[1])
        gather = sparse.csr_array((ones, (columns, view_of[columns])), shape=shape)
        visible = sparse.csr_array(visible.maximum(votes.weights @ gather))
    return visible
