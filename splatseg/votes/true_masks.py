"""True masks, which a person drew in some views, and the sets of Gaussians that contradict them.

    holds_m(S) = held_m(S) > total_m / 2           S has most of mask m
    lies_n(S) = held_n(S) > visible_v(S) / 2       most of what n's view v sees of S lies in mask n
    breaks_m(S) = holds_m(S) and lies_n(S) for no n around m

A view testifies of Gaussians that it sees at least as well as views do on average; of others it sees the light that
leaks through an edge or from behind. And a Gaussian counts for a mask if most of it lies there. held_m(S) are the votes
for m of the Gaussians of S for which both is so; visible_v(S) is all that the view sees of those for which the first is
so, drawn on or not, because nothing else tells that a thing ends where its mask ends. total_m are all votes for m.

So a set breaks a true mask if it has most of it but is neither that mask nor a part of a larger true mask of the same
view. A set that has most of two true masks which exclude each other breaks at least one of them, because it cannot lie
in both; so does one that has a drawn cup and a larger table that nobody drew. There is no number to choose: everything
is a majority of pixels. A mask is around another if most of the other lies in it.

Two sets A and B are apart if views where A + B breaks a mask that neither breaks outweigh those where both lie in one
mask, each view by min(visible_v(A), visible_v(B)): one view from the side does not take a box apart that others show.

Alphabet: N Gaussians; K sets; T true masks; V views that have true masks.

Source: ours; constraints that forbid pairs, as in constrained agglomeration (Davidson and Ravi 2005).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from splatseg.arrays import check_shapes
from splatseg.nearest import tree_of


class TrueMasks:
    """The true masks of votes, prepared for queries about sets of Gaussians."""

    def __init__(
        self, weights: sparse.csr_array, view_of: np.ndarray, visible: sparse.csr_array, usual: np.ndarray
    ) -> None:
        """Prepare weights (N,T), the votes for true masks; view_of (T,), indices of views; visible (N,V).

        usual (N,): pixels that a view sees of each Gaussian on average, views without true masks included.
        """
        check_shapes(weights=(weights, "N T"), view_of=(view_of, "T"), visible=(visible, "N V"), usual=(usual, "N"))
        self._view_of = view_of
        self._total = np.asarray(weights.sum(axis=0)).ravel()
        seen = visible.tocoo()
        well = seen.data >= usual[seen.row]
        self._visible = sparse.csr_array((seen.data[well], (seen.row[well], seen.col[well])), shape=visible.shape)
        votes = weights.tocoo()
        of_view = np.asarray(self._visible[votes.row, view_of[votes.col]]).ravel()
        inside = (votes.data > 0.5 * of_view) & (of_view > 0)
        self._held = sparse.csr_array((votes.data[inside], (votes.row[inside], votes.col[inside])), shape=weights.shape)
        self._around = self._masks_around()

    def tallies_of(self, groups: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (held (K,T), visible (K,V)) of K = `count` sets; groups (N,): the set of each Gaussian, < 0 = none."""
        chosen = np.flatnonzero(groups >= 0)
        ones = np.ones(len(chosen), dtype=np.float32)
        members = sparse.csr_array((ones, (groups[chosen], chosen)), shape=(count, len(groups)))
        return (members @ self._held).toarray(), (members @ self._visible).toarray()

    def broken(self, held: np.ndarray, visible: np.ndarray) -> np.ndarray:
        """Return the true masks (K,T) bool that each of K sets breaks, from tallies held (K,T) and visible (K,V)."""
        lies = held > 0.5 * visible[:, self._view_of]
        broken: np.ndarray = (held > 0.5 * self._total) & ~((lies.astype(np.float32) @ self._around) > 0)
        return broken

    def apart(self, held: np.ndarray, visible: np.ndarray) -> bool:
        """Tell whether two sets are apart, from their tallies held (2,T) and visible (2,V)."""
        ends = self.broken(held, visible).any(axis=0)
        newly = self.broken(held.sum(axis=0)[None], visible.sum(axis=0)[None])[0] & ~ends
        if not newly.any():
            return False
        both = (held > 0.5 * visible[:, self._view_of]).all(axis=0)
        views, both_seen = visible.shape[1], visible.min(axis=0)
        says_apart, says_one = (np.bincount(self._view_of[which], minlength=views) > 0 for which in (newly, both))
        says_one &= ~says_apart  # both lie in one mask of the view, and together they break another of it
        return float(both_seen[says_apart].sum()) > float(both_seen[says_one].sum())

    def parted(self, groups: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Return sets (N,) int64: those of groups (N,), each cut where it breaks a true mask; negative = none.

        It is cut along all true masks of the mask's view: a Gaussian goes with the smallest mask that most of it lies
        in, if any; one of which the view does not testify, with the nearest of which it does, by means (N,3).
        """
        groups = groups.astype(np.int64)
        for view in range(self._visible.shape[1]):
            count = int(groups.max(initial=-1)) + 1
            broken = self.broken(*self.tallies_of(groups, count))
            breaking: np.ndarray = np.any(broken[:, self._view_of == view], axis=1)
            if not breaking.any():
                continue
            cut = np.flatnonzero((groups >= 0) & breaking[groups.clip(min=0)])
            place, seen = self._places(cut, view)
            for own in np.unique(groups[cut]):
                of_set = groups[cut] == own
                finite = of_set & np.isfinite(means[cut]).all(1)
                unseen, sources = np.flatnonzero(finite & ~seen), np.flatnonzero(finite & seen)
                if len(sources):
                    place[unseen] = place[sources[tree_of(means[cut[sources]]).query(means[cut[unseen]])[1]]]
            # A pair of set and place is one number; numbers are closed up again.
            named = groups * (len(self._total) + 1)
            named[cut] += place
            kept = np.flatnonzero(groups >= 0)
            groups[kept] = np.unique(named[kept], return_inverse=True)[1]
        return groups

    def _places(self, which: np.ndarray, view: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (place (n,), 0 = outside all masks, or 1 + the mask; seen well (n,) bool) of Gaussians `which`."""
        place = np.zeros(len(which), dtype=np.int64)
        own = np.flatnonzero(self._view_of == view)
        held = sparse.csc_array(self._held[which][:, own])
        for mask in np.argsort(-self._total[own], kind="stable"):  # the smallest last
            place[held.indices[held.indptr[mask] : held.indptr[mask + 1]]] = 1 + own[mask]
        return place, self._visible[which][:, [view]].toarray().ravel() > 0

    def _masks_around(self) -> sparse.csr_array:
        """Return (T,T) float32: 1 in row n, column m if mask n is around mask m, or is m itself."""
        shared = ((self._held > 0).astype(np.float32).T @ self._held).tocoo()
        same_view = self._view_of[shared.row] == self._view_of[shared.col]
        larger = self._total[shared.row] >= self._total[shared.col]
        kept = same_view & larger & (shared.data > 0.5 * self._total[shared.col])
        one = np.arange(len(self._total))
        rows, cols = np.append(shared.row[kept], one), np.append(shared.col[kept], one)
        return sparse.csr_array((np.ones(len(rows), np.float32), (rows, cols)), shape=(len(one), len(one)))
