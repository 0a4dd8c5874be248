"""Shards: the scenes of one process among N that share one OUT, each with a state of its own.

A shard is given as `splatseg masks` takes it, i/n with i from 1 on, or as the index of a job array (`engine.shard`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from splatseg.engine.shard import Shard
from splatseg.engine.shard import parse_shard as parse_array
from splatseg.errors import EngineError

ALL = Shard(0, 1)
"""The shard of all scenes."""


def parse_shard(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard:
    """Return the shard of "i/n" with i from 1 on, of "auto" or "auto/n"; of all scenes for None.

    Raises EngineError for another text, and for a job array that does not tell it.
    """
    if text is None:
        return ALL
    if text.startswith("auto"):
        return parse_array(text, environment)
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text, re.ASCII)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise EngineError(f"--shard takes i/n with i from 1 to n, such as 2/4, or auto or auto/n, got '{text}'")
    return Shard(int(found[1]) - 1, int(found[2]))


def state_name(shard: Shard) -> str:
    """Return the name of the state that a shard keeps: state, or state-2-of-8."""
    return "state" if shard == ALL else f"state-{shard.index + 1}-of-{shard.count}"


def are_apart(one: str, other: str) -> bool:
    """Tell whether two batches with such states never do the same scene: different shards of as many."""
    return one != other and "-of-" in one and one.partition("-of-")[2] == other.partition("-of-")[2]
