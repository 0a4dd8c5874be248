"""Segments that words mean, and a test whether they mean any: likeness to the words, compared with chance.

Raw likeness is not enough: some segments are like every text, some texts like every picture, and a thing that is not
there still has a nearest segment. So likeness is centred both ways and measured in the spread of all likenesses:

    B[s, w] = e_s . v_w    z[s, q] = (e_s . q - mean_w B[s, w] - c_q) / sigma    c_q: the level of q over all segments
    t[s, q] = z[s, q] - z0(S)           z0(S): the median of the greatest of S normal numbers

t is the distance above chance: words that mean nothing here have their best segment near t = 0, whatever the model, its
temperature and the number of segments. The query is here if a segment has t >= HERE, and if no common word fits that
segment much better: a mug is the best "cup" of the scene, but the word mug shows that it is a mug. sigma is a robust
spread, so the few words that do mean something in the scene do not widen it.

Alphabet: S segments, W words, D dimensions; e (S,D), v (W,D), q (D,) unit vectors.

Source: ours. Double centring is that of local scaling against hubs (CSLS, Conneau et al. 2018); comparing with other
words is LERF's relevancy (Kerr et al. 2023) with hundreds of words instead of four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.words.described import Described

HERE = 1.5
"""Least t, in spreads above chance, of a query that is found [stand-in encoder, 1 to 300 segments: queries found 98
to 100 %, words foreign to the scene accepted 0 to 1 %, words related to something there 1 to 24 %]."""

RIVAL = 0.7
"""A query must fit a segment at least this share as well as the best common word does."""

AS_GOOD = 0.7
"""Other segments are meant too if their z is at least this share of the best one's: three books are all "book"."""

FEW_SEGMENTS = 8
"""The level of a query is a mean over segments; with this number of segments it counts by half, with more by more."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a query of words."""

    scores: np.ndarray
    """(S,) float32: t of each segment, minus infinity if an unwanted word fits it at least as well."""
    ids: np.ndarray
    """(S,) int32."""
    meant: tuple[int, ...]
    """Ids of the segments that the words mean, the best first; empty if they mean none."""

    def nearest(self, count: int) -> list[int]:
        """Return the ids of the segments most like the words, meant or not, the best first."""
        order = np.argsort(-self.scores, kind="stable")[:count]
        return [int(self.ids[i]) for i in order if np.isfinite(self.scores[i])]


class Scale:
    """Likeness to words compared with chance, for the descriptions of one run."""

    def __init__(self, described: Described) -> None:
        self._described = described
        raw = described.vectors @ described.word_vectors.T
        self._row = raw.mean(1, keepdims=True)
        centred = self._centred(raw)
        # 1.4826 times the median absolute deviation is the standard deviation of a normal distribution.
        self._sigma = max(float(np.median(np.abs(centred))) * 1.4826, 1e-6)
        self._words = centred / self._sigma
        self._rival = self._words.max(1)
        from scipy.special import ndtri  # noqa: PLC0415 (opening a scene imports this module, and needs it no further)

        self._chance = float(ndtri(0.5 ** (1.0 / max(len(raw), 1))))

    def answer(self, query: np.ndarray, unlike: Sequence[np.ndarray] = (), here: float = HERE) -> Answer:
        """Find the segments that a query vector (D,) means.

        unlike: unwanted vectors (D,); a segment at least as much like one of these is not meant. here: least t of a
        query that is found.
        """
        check_shapes(query=(query, str(self._described.vectors.shape[1])))
        z = self._likeness(query)
        t = z - self._chance
        for vector in unlike:
            t = np.where(self._likeness(vector) >= z, -np.inf, t)
        found = (t >= here) & (z >= RIVAL * self._rival)
        meant = np.flatnonzero(found & (z >= AS_GOOD * z[found].max())) if found.any() else np.zeros(0, np.int64)
        ordered = meant[np.argsort(-t[meant], kind="stable")]
        return Answer(t.astype(np.float32), self._described.ids, tuple(self._described.ids[ordered].tolist()))

    def names(self, here: float = HERE) -> dict[int, str]:
        """Return by segment the word that fits it best, if it fits better than chance."""
        best = self._words.argmax(1)
        return {
            segment_id: self._described.words[word]
            for segment_id, word, z in zip(self._described.ids.tolist(), best.tolist(), self._rival, strict=True)
            if z - self._chance >= here
        }

    def _likeness(self, query: np.ndarray) -> np.ndarray:
        centred: np.ndarray = self._centred(self._described.vectors @ query[:, None])[:, 0] / self._sigma
        return centred

    def _centred(self, raw: np.ndarray) -> np.ndarray:
        count = len(raw)
        level = raw.mean(0, keepdims=True) - self._row.mean()
        centred: np.ndarray = raw - self._row - level * count / (count + FEW_SEGMENTS)
        return centred
