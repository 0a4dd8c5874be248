"""Tiny models of every family, saved once for all tests, and a picture with some structure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_mask_models import save_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny model. Tests must not change it."""
    folder = tmp_path_factory.mktemp("models")

    def saved(family: str) -> Path:
        path = folder / family
        return path if path.exists() else save_tiny_model(family, path)

    return saved


@pytest.fixture
def picture() -> np.ndarray:
    """(96, 160, 3) uint8, twice 8 x 5 patches of any colour."""
    colors = np.random.default_rng(0).integers(0, 255, (6, 10, 3), np.uint8)
    return colors.repeat(16, axis=0).repeat(16, axis=1)
