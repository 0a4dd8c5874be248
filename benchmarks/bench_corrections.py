"""Time the corrections of selections by the masks of all views, on the segments of a run.

    python benchmarks/bench_corrections.py RUN [--threads 1] [--repeats 5] [--json]

Each of the ten largest segments is corrected by majority and by matches, and is a prompt whose five candidates are
corrected and judged (`best_corrected`): the segment three times, as features, segments and the hierarchy often find the
same, and twice with a hundredth of all Gaussians changed. The judge is IoU with the segment. Nothing here is new, so
the same file times another checkout if PYTHONPATH names it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from harness import conditions, measure, print_table

from splatseg.run.folder import open_run
from splatseg.select.match import Match
from splatseg.select.vote_correction import best_corrected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    run = open_run(args.run)
    splats = run.splats()
    agreement = run.agreement(splats)
    if agreement is None or splats.segment_ids is None:
        raise SystemExit(f"{args.run} has no votes or no segments")
    ids = splats.segment_ids.numpy()
    things = [ids == segment for segment in (1 + np.argsort(-np.bincount(ids)[1:], kind="stable"))[:10]]
    rng = np.random.default_rng(0)
    prompts = [[thing, thing, thing, *(thing ^ (rng.random(len(ids)) < 0.01) for _ in range(2))] for thing in things]

    def correct(candidates: list[np.ndarray]) -> None:
        def judge(members: np.ndarray) -> np.ndarray:
            return (members & candidates[0]).sum(1) / np.maximum((members | candidates[0]).sum(1), 1)

        best_corrected([Match.of(members) for members in candidates], splats, agreement, judge)

    times = measure(
        {
            "by majority, ten sets": lambda: [agreement.by_majority(thing) for thing in things],
            "by matches, ten sets": lambda: [agreement.by_matches(thing) for thing in things],
            "ten prompts": lambda: [correct(candidates) for candidates in prompts],
        },
        args.repeats,
    )
    facts = {"gaussians": len(splats), "masks": len(agreement.total), **conditions(args.threads)}
    if args.json:
        print(json.dumps({"facts": facts, "times": times}))
    else:
        print_table(str(facts), times)


if __name__ == "__main__":
    main()
