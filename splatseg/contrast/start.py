"""Where features start: compressed from the spectral embedding of the votes, or directions drawn evenly.

Alphabet: N Gaussians; D dimensions of the embedding; F channels; features have unit rows.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from splatseg.contrast.config import ContrastConfig
from splatseg.lift import EmbedSettings, Votes, embed
from splatseg.lift.embed import unit_rows
from splatseg.lift.spectrum import right_singular_vectors

MOST_ROWS = 100_000
FIRST = 0
"""Purpose of randomness."""


def starting_features(votes: Votes, config: ContrastConfig) -> np.ndarray:
    """(N,F) float32 of unit length; zero, with `start` lift, where no mask that counts sees the Gaussian.

    Raises MaskError, with `start` lift, when no mask is left after the spurious ones are removed.
    """
    if config.start == "lift":
        return compressed(embed(votes, EmbedSettings(seed=config.seed)), config.channels, config.seed)
    rng = np.random.default_rng([config.seed, FIRST])
    return unit_rows(rng.standard_normal((votes.weights.shape[0], config.channels), dtype=np.float32))


def compressed(features: np.ndarray, channels: int, seed: int = 0) -> np.ndarray:
    """Unit rows (N,D) in the `channels` directions that keep most of them, (N,F), scaled to unit length again.

    Fewer dimensions than channels are filled up with zeros.
    """
    rows = np.flatnonzero(features.any(axis=1))
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
    _, directions = right_singular_vectors(sparse.csr_array(features[rows]), channels, seed)
    found = np.zeros((len(features), channels), dtype=np.float32)
    found[:, : directions.shape[1]] = unit_rows(features @ directions)
    return found
