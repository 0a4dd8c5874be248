"""The shard of a process in a job array, from what each system tells it."""

from __future__ import annotations

import pytest

from splatseg.errors import RunError
from splatseg.jobs.batching.shards import are_apart, parse_shard, state_name

SLURM = {"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_COUNT": "5"}


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        (None, {}, (1, 1)),
        ("2/4", SLURM, (2, 4)),
        ("auto", SLURM, (3, 5)),
        ("auto/20", SLURM, (13, 20)),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "7"}, (1, 7)),
        ("auto/7", {"AWS_BATCH_JOB_ARRAY_INDEX": "6"}, (7, 7)),
        ("auto/3", {"JOB_COMPLETION_INDEX": "1"}, (2, 3)),
    ],
)
def test_a_shard_is_read_from_its_text_or_its_job_array(
    text: str | None, environment: dict[str, str], expected: tuple[int, int]
) -> None:
    assert parse_shard(text, environment) == expected


@pytest.mark.parametrize(
    ("text", "environment", "told"),
    [
        ("0/4", {}, "--shard 0/4 is number 0 of 4"),
        ("5/4", {}, "--shard 5/4 is number 5 of 4"),
        ("2", {}, "--shard takes i/n with i from 1 to n, such as 2/4, or auto or auto/n, got '2'"),
        ("auto", {}, "--shard auto finds no job array: none of SLURM_ARRAY_TASK_ID, .* is set; give --shard i/n"),
        ("auto", {"JOB_COMPLETION_INDEX": "1"}, "JOB_COMPLETION_INDEX is 1, and nothing tells of how many"),
        ("auto/2", {"JOB_COMPLETION_INDEX": "2"}, r"--shard auto/2 \(JOB_COMPLETION_INDEX=2\) is number 3 of 2"),
        ("auto", SLURM | {"SLURM_ARRAY_TASK_ID": "19"}, "is number 10 of 5; .* wants an array that counts in steps of"),
    ],
)
def test_an_array_that_does_not_count_scenes_is_told(text: str, environment: dict[str, str], told: str) -> None:
    with pytest.raises(RunError, match=told):
        parse_shard(text, environment)


def test_shards_of_one_array_are_apart_and_all_others_are_not() -> None:
    names = [state_name(shard) for shard in ((1, 1), (1, 8), (2, 8), (2, 4))]
    assert names == ["state", "state-1-of-8", "state-2-of-8", "state-2-of-4"]
    apart = {(one, other) for one in names for other in names if are_apart(one, other)}
    assert apart == {("state-1-of-8", "state-2-of-8"), ("state-2-of-8", "state-1-of-8")}
