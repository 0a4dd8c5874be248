"""Half a minute of use of the viewer: it selects, and its memory does not grow."""

from __future__ import annotations

from pathlib import Path

import pytest
from awaited import awaited
from viewer_soak import small_run, soaked

MOST_GROWTH = 5.0
"""Percent: some MB of code and threads are still loaded after a warm-up of seconds; a page that stays is 8 MB, and 20
come."""


@pytest.mark.slow
def test_half_a_minute_of_use_selects_and_leaves_the_memory_as_it_was(tmp_path: Path) -> None:
    found = awaited(soaked(small_run(tmp_path / "run"), minutes=0.5))
    assert found["errors"] == []
    assert found["selections"] >= 10 and found["pages"] >= 5 and found["exports"] > 0 and found["films begun"] > 0
    assert found["growth %"] < MOST_GROWTH
