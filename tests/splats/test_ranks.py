"""Medians and quantiles in batches are those of NumPy, whatever the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splatseg.splats import ranks

VALUES = st.one_of(st.floats(allow_nan=False), st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2**-52]))


@given(st.integers(1, 60).flatmap(lambda n: arrays(np.float64, (n, 2), elements=VALUES)), st.floats(0, 1))
@example(np.full((1, 2), 2.0**1023), 0.0)
@example(np.full((5, 2), -(2.0**1023)), 0.3)
def test_ranks_medians_and_quantiles_are_those_of_numpy(values: np.ndarray, share: float) -> None:
    def batches():
        return iter(np.array_split(values, 3)) if len(values) > 3 else iter([values])

    ordered = np.sort(values, axis=0)
    with pytest.MonkeyPatch.context() as patch:
        for few in (1, 1 << 20):
            patch.setattr(ranks, "FEW", few)
            found = ranks.of_rank(batches, [0, len(values) - 1, len(values) // 2])
            np.testing.assert_array_equal(found, ordered[[0, -1, len(values) // 2]])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(ranks.median(batches), np.median(values, axis=0))
        np.testing.assert_array_equal(ranks.quantiles(batches, [0.5, share]), np.quantile(values, [0.5, share], axis=0))
