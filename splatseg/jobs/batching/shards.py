"""Shards of a batch (`engine.shard`): the scenes of one process among N that share one OUT, each with its own state."""

from __future__ import annotations

from splatseg.engine.shard import ALL, Shard


def state_name(shard: Shard) -> str:
    """Return the name of the state that a shard keeps: state, or state-2-of-8."""
    return "state" if shard == ALL else f"state-{shard.index + 1}-of-{shard.count}"


def are_apart(one: str, other: str) -> bool:
    """Tell whether two batches with such states never do the same scene: different shards of as many."""
    return one != other and "-of-" in one and one.partition("-of-")[2] == other.partition("-of-")[2]
