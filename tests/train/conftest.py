"""Fixtures of the tests of fits."""

from __future__ import annotations

import pytest
from small_fit import cloud_capture

from splatseg.capture.capture import Capture


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """Four views of a small cloud, with its own centres as points."""
    return cloud_capture(tmp_path_factory.mktemp("capture"))
