"""Shards: every item in one of them, whatever the array of jobs tells, or a sentence of what it does not tell."""

from __future__ import annotations

import pytest

from splatseg.engine.shard import Shard, parse_shard
from splatseg.errors import EngineError


def _slurm(number: int, low: int, high: int, count: int, step: int = 1) -> dict[str, str]:
    names = {"ID": number, "MIN": low, "MAX": high, "COUNT": count, "STEP": step}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in names.items()}


def test_every_item_is_in_one_shard_and_shards_are_of_one_size() -> None:
    items = list(range(23))
    for count in (1, 4, 23, 30):
        shards = [Shard(index, count).of(items) for index in range(count)]
        assert sorted(item for shard in shards for item in shard) == items
        assert max(map(len, shards)) - min(map(len, shards)) <= 1
    assert Shard(1, 4).of(items) == [1, 5, 9, 13, 17, 21]


@pytest.mark.parametrize(
    ("word", "variables", "shard"),
    [
        ("2/8", {}, Shard(1, 8)),
        ("auto", _slurm(3, 0, 7, 8), Shard(3, 8)),
        ("auto", _slurm(3, 1, 8, 8), Shard(2, 8)),
        ("auto", _slurm(7, 1, 9, 5, 2), Shard(3, 5)),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "10"}, Shard(0, 10)),
        ("auto/8", _slurm(5, 3, 5, 2), Shard(5, 8)),
        ("auto/8", {"JOB_COMPLETION_INDEX": "7"}, Shard(7, 8)),
        ("auto/8", {"AWS_BATCH_JOB_ARRAY_INDEX": "7"}, Shard(7, 8)),
    ],
)
def test_a_shard_is_the_one_that_the_word_or_the_job_tells(word: str, variables: dict[str, str], shard: Shard) -> None:
    assert parse_shard(word, variables) == shard


@pytest.mark.parametrize(
    ("word", "variables", "said"),
    [
        ("8", {}, "the shard '8' is none; write i/n with i from 1 to n, such as 2/8, auto, or auto/n"),
        ("-1/8", {}, "the shard '-1/8' is none"),
        ("9/8", {}, "the shard 9/8 is none; i/n has an i from 1 to n"),
        ("0/8", {}, "the shard 0/8 is none; i/n has an i from 1 to n"),
        ("0/0", {}, "the shard 0/0 is none; i/n has an i from 1 to n"),
        ("auto", {}, "no variable tells the shard of this job .*; submit it as an array, or write --shard i/n"),
        ("auto", {"JOB_COMPLETION_INDEX": "7"}, "does not tell of how many; write --shard auto/n"),
        ("auto/7", {"JOB_COMPLETION_INDEX": "7"}, "JOB_COMPLETION_INDEX is 7, and numbers of 7 jobs are from 0 to 6"),
        ("auto/7", {"JOB_COMPLETION_INDEX": "x"}, "the variable JOB_COMPLETION_INDEX is 'x', which is no number"),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "7"}, "the variable AWS_BATCH_JOB_ARRAY_SIZE is not set"),
        ("auto", _slurm(5, 1, 9, 3), r"the numbers of this array \(3 from 1 to 9\) are not evenly spaced"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "1"}, "the variable SLURM_ARRAY_TASK_MIN is not set; write --shard i/n"),
    ],
)
def test_a_shard_that_is_not_told_or_out_of_range_is_refused(word: str, variables: dict[str, str], said: str) -> None:
    with pytest.raises(EngineError, match=said):
        parse_shard(word, variables)
