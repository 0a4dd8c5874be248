"""The shard of a process in a job array, from what each system tells it."""

from __future__ import annotations

import pytest

from splatseg.engine.shard import Shard
from splatseg.errors import EngineError
from splatseg.jobs.batching.shards import are_apart, parse_shard, state_name

SLURM = {
    f"SLURM_ARRAY_TASK_{name}": text for name, text in {"ID": "12", "MIN": "10", "MAX": "14", "COUNT": "5"}.items()
}


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        (None, {}, (0, 1)),
        ("2/4", SLURM, (1, 4)),
        ("auto", SLURM, (2, 5)),
        ("auto/20", SLURM, (12, 20)),
        ("auto/3", {"JOB_COMPLETION_INDEX": "1"}, (1, 3)),
    ],
)
def test_a_shard_is_read_from_its_text_or_its_job_array(
    text: str | None, environment: dict[str, str], expected: tuple[int, int]
) -> None:
    shard = parse_shard(text, environment)
    assert (shard.index, shard.count) == expected


@pytest.mark.parametrize("text", ["0/4", "5/4", "2", "2/4/6", "two"])
def test_a_shard_counts_from_one_as_that_of_masks_does(text: str) -> None:
    with pytest.raises(EngineError, match=rf"--shard takes i/n with i from 1 to n, .* got '{text}'"):
        parse_shard(text, {})


def test_shards_of_one_array_are_apart_and_all_others_are_not() -> None:
    names = [state_name(Shard(*shard)) for shard in ((0, 1), (0, 8), (1, 8), (1, 4))]
    assert names == ["state", "state-1-of-8", "state-2-of-8", "state-2-of-4"]
    apart = {(one, other) for one in names for other in names if are_apart(one, other)}
    assert apart == {("state-1-of-8", "state-2-of-8"), ("state-2-of-8", "state-1-of-8")}
