"""A shard: every n-th item, for job arrays whose jobs share nothing but the list (SLURM, AWS Batch, Kubernetes).

Shard i of n, written i/n with i from 1 as `splatseg masks` has it, holds the items at positions i, i + n, i + 2n, ...
`auto` takes i and n from the variables of the job; `auto/8` takes the number of the job, from 0 to 7, from there and n
from the word, which holds whatever part of the array is submitted again.

    SLURM        SLURM_ARRAY_TASK_ID, _MIN, _STEP and _COUNT
    AWS Batch    AWS_BATCH_JOB_ARRAY_INDEX and _SIZE
    Kubernetes   JOB_COMPLETION_INDEX of an indexed Job, which does not tell their number: auto/8

Sources: https://slurm.schedmd.com/job_array.html, the AWS Batch User Guide ("environment variables"), and the
documentation of Kubernetes ("Indexed Job").
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from splatseg.engine.protocol import Item
from splatseg.errors import EngineError

SLURM = "SLURM_ARRAY_TASK"
AWS = "AWS_BATCH_JOB_ARRAY"
KUBERNETES = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of a list."""

    index: int
    """Number of the part, from 0."""
    count: int
    """Number of parts."""

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return the items of this shard, in order; there may be none."""
        return list(items[self.index :: self.count])


def parse_shard(word: str, variables: Mapping[str, str] = os.environ) -> Shard:
    """Return the shard that a word names: 2/8, auto or auto/8.

    Raises EngineError for any other word, a variable that is missing or no number, and an index out of range.
    """
    parts = re.fullmatch(r"(auto|[0-9]{1,9})(?:/([0-9]{1,9}))?", word, re.ASCII)
    if not parts or (parts[1] != "auto" and parts[2] is None):
        raise EngineError(
            f"the shard {word[:40]!r} is none; write i/n with i from 1 to n, such as 2/8, auto, or auto/n"
        )
    count = None if parts[2] is None else int(parts[2])
    if parts[1] == "auto":
        where, shard = _of_job(variables, count)
    else:
        where, shard = "", Shard(int(parts[1]) - 1, count or 0)
    if not 0 <= shard.index < shard.count:
        found = f"{where} is {shard.index}, and numbers of {shard.count} jobs are from 0 to {shard.count - 1}"
        raise EngineError(found if where else f"the shard {word} is none; i/n has an i from 1 to n")
    return shard


def _of_job(variables: Mapping[str, str], count: int | None) -> tuple[str, Shard]:
    """Return the variables that tell the shard of this job, in words, and the shard."""
    if f"{SLURM}_ID" in variables:
        number = _whole(variables, f"{SLURM}_ID")
        return f"{SLURM}_ID", Shard(number, count) if count is not None else _of_slurm(variables, number)
    if f"{AWS}_INDEX" in variables:
        number = _whole(variables, f"{AWS}_INDEX")
        return f"{AWS}_INDEX", Shard(number, _whole(variables, f"{AWS}_SIZE") if count is None else count)
    if KUBERNETES in variables:
        if count is None:
            raise EngineError(
                f"{KUBERNETES} does not tell of how many; write --shard auto/n with the Job's completions"
            )
        return KUBERNETES, Shard(_whole(variables, KUBERNETES), count)
    raise EngineError(
        f"no variable tells the shard of this job (looked for {SLURM}_ID, {AWS}_INDEX and {KUBERNETES}); "
        "submit it as an array, or write --shard i/n"
    )


def _of_slurm(variables: Mapping[str, str], number: int) -> Shard:
    """Return the shard of a job in an array of evenly spaced numbers, wherever they begin."""
    low, high, count = (_whole(variables, f"{SLURM}_{name}") for name in ("MIN", "MAX", "COUNT"))
    step = _whole(variables, f"{SLURM}_STEP") if f"{SLURM}_STEP" in variables else 1
    if step < 1 or high - low != (count - 1) * step or (number - low) % step:
        raise EngineError(
            f"the numbers of this array ({count} from {low} to {high}) are not evenly spaced, so they do not tell "
            "shards; write --shard auto/n, with numbers from 0 to n - 1"
        )
    return Shard((number - low) // step, count)


def _whole(variables: Mapping[str, str], name: str) -> int:
    """Return a variable that is a number from 0."""
    word = variables.get(name)
    if word is None:
        raise EngineError(f"the variable {name} is not set; write --shard i/n")
    if not re.fullmatch("[0-9]{1,9}", word, re.ASCII):
        raise EngineError(f"the variable {name} is {word[:40]!r}, which is no number; write --shard i/n")
    return int(word)
