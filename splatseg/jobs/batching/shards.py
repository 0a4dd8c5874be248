"""Shards: the scenes of one process among N, as job arrays number their processes.

    SLURM          SLURM_ARRAY_TASK_ID from SLURM_ARRAY_TASK_MIN on, SLURM_ARRAY_TASK_COUNT of them
    AWS Batch      AWS_BATCH_JOB_ARRAY_INDEX from 0 on, AWS_BATCH_JOB_ARRAY_SIZE of them if it is told
    Kubernetes     JOB_COMPLETION_INDEX from 0 on; their number is not told

A shard i/n is 1 <= i <= n and has the scenes i, i+n, i+2n, ... of the list.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from splatseg.errors import RunError

Shard = tuple[int, int]

ALL: Shard = (1, 1)
"""The shard of all scenes."""

INDEXES = ("SLURM_ARRAY_TASK_ID", "AWS_BATCH_JOB_ARRAY_INDEX", "JOB_COMPLETION_INDEX")
"""Variables of the environment with the index of a process in its array."""


def parse_shard(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard:
    """Return (i, n) of "i/n", "auto" or "auto/n". Raises RunError for another text, or for an array that is none."""
    if text is None:
        return ALL
    found = re.fullmatch(r"(\d+|auto)(?:/(\d+))?", text.strip())
    if found is None or (found[1] != "auto" and found[2] is None):
        raise RunError(f"--shard takes i/n with i from 1 to n, such as 2/4, or auto or auto/n, got '{text}'")
    if found[1] != "auto":
        return _checked(int(found[1]), int(found[2]), text)
    variable = next((name for name in INDEXES if environment.get(name, "").isdecimal()), None)
    if variable is None:
        raise RunError(f"--shard auto finds no job array: none of {', '.join(INDEXES)} is set; give --shard i/n")
    index, count, first = int(environment[variable]), found[2], 0
    if count is None:
        sizes = {INDEXES[0]: "SLURM_ARRAY_TASK_COUNT", INDEXES[1]: "AWS_BATCH_JOB_ARRAY_SIZE"}
        count = environment.get(sizes.get(variable, ""), "")
        first = int(environment.get("SLURM_ARRAY_TASK_MIN", "0")) if variable == INDEXES[0] else 0
        if not count.isdecimal():
            raise RunError(f"{variable} is {index}, and nothing tells of how many; give --shard auto/n")
    return _checked(index - first + 1, int(count), f"{text} ({variable}={index})")


def _checked(index: int, count: int, text: str) -> Shard:
    if not 1 <= index <= count:
        raise RunError(
            f"--shard {text} is number {index} of {count}; the first is 1/n, and --shard auto wants an array that "
            "counts in steps of one, with auto/n from 0"
        )
    return index, count


def state_name(shard: Shard) -> str:
    """Return the name of the state that a shard keeps: state, or state-2-of-8."""
    return "state" if shard == ALL else f"state-{shard[0]}-of-{shard[1]}"


def are_apart(one: str, other: str) -> bool:
    """Tell whether two batches with such states never do the same scene: different shards of as many."""
    return one != other and "-of-" in one and one.partition("-of-")[2] == other.partition("-of-")[2]
