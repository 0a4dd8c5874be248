"""States of shards: those that can be at work in one folder at the same time."""

from __future__ import annotations

from splatseg.engine.shard import Shard
from splatseg.jobs.batching.shards import are_apart, state_name


def test_shards_of_one_array_are_apart_and_all_others_are_not() -> None:
    names = [state_name(Shard(*shard)) for shard in ((0, 1), (0, 8), (1, 8), (1, 4))]
    assert names == ["state", "state-1-of-8", "state-2-of-8", "state-2-of-4"]
    apart = {(one, other) for one in names for other in names if are_apart(one, other)}
    assert apart == {("state-1-of-8", "state-2-of-8"), ("state-2-of-8", "state-1-of-8")}
