"""How well objects are found on frozen geometry: scenes x masks x methods x seeds, with the ceiling in every row.

    python benchmarks/accuracy.py --scenes DIR [DIR ...] --work DIR [--masks NAME ...] [--pictures]
    python benchmarks/accuracy.py --family DATA --work DIR [--fits DIR] [--seeds 3] [--worst 5]
    python benchmarks/accuracy.py --scene DIR --masks NAME --method lift|contrast|paper --seed S --work DIR --json

A scene is a capture with gt/instance, gt/scene.json and folders of masks. Its geometry is fitted once with the defaults
(kept in --work or in --fits; --run RUN takes that of a finished run) and never changes after. NAME is `clean` (the true
instances), `proposals` (made by `splatseg masks --splats`, kept in --work or --proposals) or a folder of
the scene, with disturbances appended: `masks_sim,drop=0.3,merge=0.2,views=16` (disturbances.py).

Every object is prompted by its true mask in one training view, by the box around it, and by clicks into its deepest
places; mIoU and mBIoU over things in held-out views (accuracy_prompts.py). `ceiling` renders Gaussians labelled by the
votes of the true masks of all training views: what this geometry can give. `node` is the best node of the hierarchy for
every object, chosen by its true masks in the held-out views: is the object there at all? ARI and panoptic quality
compare the automatic segments with the truth over all held-out pixels, as one labelling; of things, without pixels of
floor and walls.

--family runs the five scenes of DATA/family, and DATA/tabletop, demo, kitchen, with all their masks and our proposals,
each as it is and disturbed (DISTURBED; NESTED for masks of several levels). --fits DIR holds runs by the scenes' names;
one that is missing is fitted there.
--seeds N repeats every row with seeds 0 to N - 1, of disturbances, features and segments, on the same geometry; mean
and spread (greatest less least) follow. --one-cut leaves out the second cut of atoms (cluster/finer_cut.py).
--refine adds a row for every row with votes: boundaries refined (splatseg/refine), with the ceiling of the refined
geometry, held-out PSNR before and after, and how many Gaussians were split and adjusted.
--worst N draws the N objects furthest below the ceiling by click and by mask prompt, of seed 0, into WORK/worst/METHOD.
--resume takes rows that results.jsonl in --work has already from there; their objects are not drawn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from accuracy_prompts import automatic
from accuracy_rows import METHODS, Measuring, rows
from accuracy_scene import Scene, ceiling
from accuracy_table import LEGEND, header, line, over_scenes, over_seeds
from accuracy_worst import Worst
from disturbances import Masking

MASKS = ("clean", "masks_sim", "masks_nested", "masks_sim,drop=0.3", "masks_sim,drop=0.6", "masks_sim,merge=0.2")
FEW = ("masks_sim,views=8", "masks_sim,views=16", "masks_sim,views=32")

FOLDERS = ("masks_sam", "masks_sim", "masks_nested", "proposals")
DISTURBED = ("", ",drop=0.3", ",merge=0.2", ",big=1", ",views=8", ",views=16", ",true=3")
NESTED = (",level=small", ",level=large", ",scores=shuffled")
"""Disturbances of masks of several levels: flat masks have one level and no scores."""

FAMILY = tuple(
    folder + change for folder in FOLDERS for change in (*DISTURBED, *(() if folder == "masks_sim" else NESTED))
)


def scenes_of(data: Path) -> list[Path]:
    """The scenes of --family that are there."""
    return [*sorted((data / "family").iterdir()), *(data / name for name in ("tabletop", "demo", "kitchen"))]


def comma_separated(text: str) -> list[str]:
    methods = text.split(",")
    if not set(methods) <= set(METHODS):
        raise argparse.ArgumentTypeError(f"'{text}' names a method other than {', '.join(METHODS)}")
    return methods


def masking(text: str) -> str:
    try:
        Masking.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--scenes", "--scene", type=Path, nargs="+")
    which.add_argument("--family", type=Path, metavar="DATA", help="family, tabletop, demo, kitchen in DATA, all masks")
    parser.add_argument("--fits", type=Path, help="runs by the scenes' names, whose geometry to take")
    parser.add_argument("--proposals", type=Path, help="proposals by the scenes' names; default: WORK/proposals")
    parser.add_argument("--work", type=Path, required=True, help="fitted geometry, results.jsonl and pictures")
    parser.add_argument("--run", type=Path, help="a finished run of the (one) scene whose geometry to take")
    parser.add_argument("--masks", nargs="+", type=masking)
    parser.add_argument("--method", "--methods", nargs="+", default=[["lift"]], type=comma_separated)
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=int, default=0)
    seeds.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N - 1, with mean and spread")
    parser.add_argument("--share", type=float, default=1.0, help="share of the steps of contrast and paper")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--worst", type=int, metavar="N", help="draw the N worst objects by click and by mask")
    parser.add_argument("--refine", action="store_true", help="a second row with refined boundaries")
    parser.add_argument("--one-cut", action="store_true", help="without the second cut of atoms")
    parser.add_argument("--resume", action="store_true", help="take rows from results.jsonl that are there already")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.run is not None and not (args.run / "splats.ply").exists():
        parser.error(f"{args.run} has no splats.ply; give a finished run, or --fits to fit what is missing")
    return args


def measured(args: argparse.Namespace, worst: dict[str, Worst]) -> Iterator[dict]:
    """All rows, each as it is done; printed and kept in results.jsonl."""
    scenes = args.scenes or scenes_of(args.family)
    wanted = args.masks or (FAMILY if args.family else [*MASKS, *FEW])
    methods = list(dict.fromkeys(method for given in args.method for method in given))
    seeds = range(args.seeds) if args.seeds else [args.seed]
    log = args.work / "results.jsonl"
    done = _kept(log) if args.resume else {}
    for path in scenes:
        fitted = args.run if args.fits is None else args.fits / path.name
        scene = Scene.load(path, args.work, fitted, args.seed, args.proposals)
        top, label = ceiling(scene)
        if not args.json:
            labelled = scene.splats.replace(segment_ids=torch.from_numpy(label.astype(np.int32)))
            print(f"ceiling of {path.name}: ARI {automatic(scene, labelled, None)['ari']:.3f}", flush=True)
        for masks in filter(scene.has, wanted):
            for method in methods:
                found = []
                for seed in seeds:
                    place = args.work / "pictures" / path.name / masks / method if args.pictures else None
                    collector = worst.get(method) if seed == seeds[0] else None
                    measuring = Measuring(args.refine, args.one_cut, args.share, place, collector)
                    kept = done.get((path.name, masks, method, seed))
                    for facts in [kept] if kept else rows(scene, top, masks, method, seed, measuring):
                        if not kept:
                            with log.open("a") as file:
                                file.write(json.dumps(facts) + "\n")
                        print(json.dumps(facts) if args.json else line(facts), flush=True)
                        found.append(facts)
                        yield facts
                if not args.json:
                    _print([text for kind in (method, "refine") for text in over_seeds(_of(found, kind))])


def _of(found: list[dict], method: str) -> list[dict]:
    return [facts for facts in found if facts["method"] == method]


def _print(lines: list[str]) -> None:
    for text in lines:
        print(text, flush=True)


def _kept(log: Path) -> dict[tuple[str, str, str, int], dict]:
    """Rows of an earlier run that were measured."""
    rows_ = [json.loads(text) for text in log.read_text().splitlines()] if log.exists() else []
    return {(row["scene"], row["masks"], row["method"], row["seed"]): row for row in rows_ if "error" not in row}


def main() -> None:
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    methods = {method for given in args.method for method in given}
    worst = {method: Worst(args.worst, args.work / "worst" / method) for method in methods} if args.worst else {}
    if not args.json:
        print(LEGEND)
        print(header())
    found = list(measured(args, worst))
    for of_method in worst.values():
        of_method.write()
    if not args.json and len({facts["scene"] for facts in found}) > 1:
        print(header())
        _print(over_scenes(found))


if __name__ == "__main__":
    main()
