"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)

# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("splatseg", deadline=None)
hypothesis.settings.load_profile("splatseg")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of development data (captures, splats); tests that need it skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SPLATSEG_DATA", default))
    if not folder.is_dir():
        pytest.skip("the development data is not here (set SPLATSEG_DATA to its folder)")
    return folder


@pytest.fixture(params=_native.simd_levels())
def simd_level(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each SIMD level of this processor in turn."""
    before = _native.simd_level()
    _native.use_simd_level(request.param)
    yield request.param
    _native.use_simd_level(before)
