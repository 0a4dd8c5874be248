"""Initial features: compressed from the spectral embedding of the votes, or directions drawn evenly.

Alphabet: N Gaussians; D dimensions of the embedding; F channels; features have unit rows.
"""

from __future__ import annotations

import numpy as np

from splatseg.features.contrast.settings import ContrastSettings
from splatseg.features.lift.embed import embed_votes, unit_rows
from splatseg.features.lift.settings import EmbedSettings
from splatseg.votes.votes import Votes

ROWS_A_SUM = 65_536
"""Rows that are summed in float32 before they are added in float64."""

FIRST = 0
"""Purpose of random numbers: the initial features."""


def starting_features(votes: Votes, settings: ContrastSettings) -> np.ndarray:
    """Return initial features (N,F) float32 of unit length.

    With `start` lift, the feature is zero if no valid mask sees the Gaussian.

    Raises MaskError, with `start` lift, if no mask is left after the spurious ones are removed.
    """
    if settings.start == "lift":
        return compressed(embed_votes(votes, EmbedSettings(seed=settings.seed)), settings.channels)
    rng = np.random.default_rng([settings.seed, FIRST])
    return unit_rows(rng.standard_normal((votes.weights.shape[0], settings.channels), dtype=np.float32))


def compressed(features: np.ndarray, channels: int) -> np.ndarray:
    """Project unit rows (N,D) onto the `channels` directions that keep most of them, at unit length again: (N,F).

    Fewer dimensions than channels are filled up with zeros.
    """
    gram = np.zeros((features.shape[1], features.shape[1]))
    for start in range(0, len(features), ROWS_A_SUM):
        block = features[start : start + ROWS_A_SUM]
        gram += block.T @ block
    directions = np.linalg.eigh(gram)[1][:, ::-1][:, :channels].astype(np.float32)
    found = np.zeros((len(features), channels), dtype=np.float32)
    found[:, : directions.shape[1]] = unit_rows(features @ directions)
    return found
