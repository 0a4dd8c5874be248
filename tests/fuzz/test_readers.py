"""Damaged files of every kind: a reader reads them or says what is wrong in a sentence, and stays small."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fuzz_mutator import mutated
from fuzz_targets import TARGETS, Target
from fuzz_trial import MOST_MEMORY, attempt

FAST = [target for target in TARGETS if not target.slow]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_whole_files_are_read(target: Target, tmp_path: Path) -> None:
    path, seeds, read = target.make(tmp_path)
    for seed in seeds:
        path.write_bytes(seed)
        outcome = attempt(read)
        assert outcome.kind == "read", (outcome.place, outcome.told)


@pytest.mark.parametrize("target", FAST, ids=lambda target: target.name)
def test_damaged_files_are_read_or_refused_in_a_sentence(target: Target, tmp_path: Path) -> None:
    path, seeds, read = target.make(tmp_path)
    rng = random.Random(target.name)
    for _ in range(40):
        path.write_bytes(mutated(rng, seeds, target.container))
        outcome = attempt(read)
        assert outcome.kind != "traceback", (outcome.place, outcome.told, path.read_bytes()[:2000])
        assert outcome.memory < MOST_MEMORY, path.read_bytes()[:2000]
        assert "\n" not in outcome.told, outcome.told
