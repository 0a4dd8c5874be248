"""The histograms of ranges: of a huge splat they count a sample, and look the same."""

from __future__ import annotations

import re

import numpy as np

from splatseg.viewer.panels.selecting.ranges import SAMPLE, histogram, sampled


def heights(bars: str) -> np.ndarray:
    return np.array([float(each) for each in re.findall(r'height="([\d.]+)"/>', bars)])


def test_bars_of_a_sample_are_those_of_all() -> None:
    values = np.random.default_rng(0).beta(2.0, 5.0, 3 * SAMPLE + 7).astype(np.float32)
    some = sampled(values)
    assert SAMPLE <= len(some) < 2 * SAMPLE
    bars = heights(histogram(some, 0.0, 0.9))
    assert len(bars) == 60
    np.testing.assert_allclose(bars, heights(histogram(values, 0.0, 0.9)), atol=0.5)
    np.testing.assert_array_equal(sampled(values[: SAMPLE + 5]), values[: SAMPLE + 5])
