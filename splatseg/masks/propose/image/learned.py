"""Knowledge of boundaries and objects on a splat's surface, learned from scenes with true instances.

`learned.json` holds the weights of the merge trees that see the surface, and a model of how well a candidate fits some
object. `benchmarks/fit_proposals.py` makes it from scenes with ground truth, and prints how well the
others' file does on each scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from splatseg.masks.propose.image.merge_trees import MergeWeights
from splatseg.untrusted.documents import parse_json

FILE = "learned.json"


@dataclass(frozen=True, eq=False)
class Quadratic:
    """A quadratic function of F features, each first standardised."""

    mean: np.ndarray
    """Mean of each feature, (F,)."""

    deviation: np.ndarray
    """Standard deviation of each feature, (F,)."""

    weights: np.ndarray
    """Weights of the features, of their products in the order of `np.triu_indices`, and of 1."""

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return the values (C,) at features (C,F)."""
        count = len(self.mean)
        linear, products = self.weights[:count], np.zeros((count, count))
        products[np.triu_indices(count)] = self.weights[count:-1]
        x = (features - self.mean) / self.deviation
        values: np.ndarray = x @ linear + ((x @ products) * x).sum(1) + self.weights[-1]
        return values


@dataclass(frozen=True, eq=False)
class Learned:
    """The content of the file."""

    trees: tuple[MergeWeights, ...]
    """Merge trees that see the surface. Their costs are probabilities that two regions are of different objects."""

    different: MergeWeights
    """The best such probability for two superpixels."""

    likeness: Quadratic
    """Square of the IoU of a candidate with the object that fits it best, from its features (`objectness`). Of the
    squares good candidates make up the most, and it is them that must be told apart."""


@cache
def learned() -> Learned:
    """Return what was learned."""
    text = files("splatseg.masks.propose.image").joinpath(FILE).read_text(encoding="utf-8")
    return of_plain(parse_json(text).plain())


def of_plain(plain: dict[str, Any]) -> Learned:
    """Return what the plain content of a file says."""
    likeness = Quadratic(*(np.array(plain["likeness"][name]) for name in ("mean", "deviation", "weights")))
    trees = tuple(MergeWeights(**weights) for weights in plain["trees"])
    return Learned(trees, MergeWeights(**plain["different"]), likeness)
