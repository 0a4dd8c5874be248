"""Published numbers are told with their source and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest

from splatseg.evaluate.protocols.published import published_of
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.tables import TITLES


def test_every_protocol_has_numbers_of_figures_that_it_counts_in_percent() -> None:
    for name, protocol in PROTOCOLS.items():
        rows = published_of(name)
        counted = protocol.figures([])
        assert len(rows) >= 5 and set(counted) <= set(TITLES)
        for row in rows:
            assert row.source and set(row.figures) <= set(counted) and protocol.main in row.figures
            assert all(1 < value < 100 for value in (*row.figures.values(), *(row.scenes or {}).values()))


@pytest.mark.parametrize("name", ["lerf-mask", "3d-ovs"])
def test_the_means_are_those_of_the_scenes(name: str) -> None:
    for row in published_of(name):
        if row.scenes:
            assert np.mean(list(row.scenes.values())) == pytest.approx(row.figures["miou"], abs=0.2), row.method


def test_what_is_only_remembered_says_so() -> None:
    assert [row.method for row in published_of("lerf-mask") if row.trust == "remembered"] == [
        "CGC (the method of `paper` here)"
    ]
