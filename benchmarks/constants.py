"""Constants of clustering and selection that were chosen on scenes, judged by leaving scenes out.

    python benchmarks/constants.py --family DATA --work DIR [--fits DIR] [--constants PLACE ...] [--masks NAME ...]
    python benchmarks/constants.py --scenes DIR [DIR ...] --work DIR [--fits DIR] [--seeds 3]
    python benchmarks/constants.py --work DIR --table
    python benchmarks/constants.py --list

A figure of a scene is the mean over its masks, by votes (votes_figures.py): shares of the ceiling on frozen geometry.
For every constant of `constants_list.CHOSEN` and every scene:

    product    the figure at the product's value
    others'    the value that is best on all other scenes, and the figure here with it
    best       the value that is best here, and its figure: what tuning on this scene would give
    spread     greatest less least figure over seeds (of disturbances, features and segments) at the product's value
    same       the values round the product's at which the figure falls by no more than the spread

Other values are measured with seed 0 and compared with the product's with seed 0. The product's own values were looked
at with that seed, so they may be lucky there: --every-seed measures and compares all seeds. A constant that moves the
mean over scenes by less than the mean spread, whatever its value, carries nothing: it can be removed or rounded; those
come last.

Every figure is a line of constants.jsonl in --work as soon as it is there; what is there is not measured again, unless
--anew (or another --work), which a change of the product asks for. --table prints the tables of what is there.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from accuracy import masking, scenes_of
from accuracy_scene import Scene
from constants_list import CHOSEN, DERIVED, Constant
from votes_figures import Case, VotedScene

from splatseg.errors import MaskError

MASKS = (
    "masks_sam",
    "masks_sim",
    "masks_nested",
    "masks_sam,drop=0.3",
    "masks_sim,drop=0.3",
    "masks_sam,big=1",
)


class Key(NamedTuple):
    """What one figure is of."""

    place: str
    """Place of the constant; "" for the product's own values."""
    value: float
    """Its value; 0 for the product's own."""
    figure: str
    """Name of the figure."""
    scene: str
    """Name of the scene."""
    masks: str
    """Masks, with disturbances."""
    seed: int
    """Seed of disturbances, features and segments."""


Figures = dict[Key, float]


def keys_of(
    case: Case, constants: Sequence[Constant], every_seed: bool = False
) -> Iterator[tuple[Key, Constant | None]]:
    """All figures that are wanted of a case, those of the product's own values first."""
    scene = case.voted.scene.path.name
    for figure in dict.fromkeys(figure for constant in constants for figure in constant.figures):
        yield Key("", 0.0, figure, scene, case.masks, case.seed), None
    for constant in constants if case.seed == 0 or every_seed else ():
        for value in constant.values:
            for figure in constant.figures:
                yield Key(constant.place, value, figure, scene, case.masks, case.seed), constant


def measure(case: Case, wanted: Sequence[tuple[Key, Constant | None]]) -> Iterator[tuple[Key, float]]:
    """The figures of a case, one after the other."""
    changed = (None, None)  # constant and value that `made` was made with
    made = None
    for key, constant in wanted:
        try:
            if constant is None:
                yield key, case.figure(key.figure, *case.usual)
            else:
                with constant.set(key.value):
                    if changed != (constant, key.value) or made is None:
                        votes = case.collected() if constant.stage == "votes" else case.votes
                        made = case.usual if constant.stage == "prompts" else case.segmented(votes)
                        changed = (constant, key.value)
                    yield key, case.figure(key.figure, *made)
        except MaskError:
            # With this value no mask is left to make features of.
            yield key, 0.0


def table(constant: Constant, figures: Figures) -> tuple[list[str], bool | None]:
    """The lines of a constant; and does it move the mean over scenes by more than the spread? None if unknown."""
    of_value = _by_value(constant, figures)
    scenes = [scene for scene in of_value if len(of_value[scene]) == len(constant.values) + 1]
    if not scenes:
        return [], None
    lines = [f"{constant.place}: {constant.value:g}, tried {', '.join(f'{value:g}' for value in constant.values)}"]
    lines.append(f"    {'scene':12}{'product':>9}{'others':>18}{'best':>18}{'spread':>9}   same")
    spreads = {scene: _spread(constant, figures, scene) for scene in scenes}
    rows = []
    for scene in scenes:
        here = of_value[scene]
        own = here[constant.value]
        others = _best(
            {v: float(np.mean([of_value[s][v] for s in scenes if s != scene] or [0])) for v in here}, constant
        )
        best = _best(here, constant)
        low, high = same(here, constant.value, spreads[scene])
        rows.append((own, here[others], here[best], spreads[scene]))
        given = f"{own:9.3f}{others:>10g}  {here[others]:6.3f}{best:>10g}  {here[best]:6.3f}{spreads[scene]:9.3f}"
        lines.append(f"    {scene:12}{given}   {low:g} to {high:g}")
    own, left_out, best, spread = np.mean(rows, axis=0)
    lines.append(f"    {'mean':12}{own:9.3f}{'':10}  {left_out:6.3f}{'':10}  {best:6.3f}{spread:9.3f}")
    means = {value: float(np.mean([of_value[scene][value] for scene in scenes])) for value in of_value[scenes[0]]}
    lines.append("    mean by value: " + ", ".join(f"{value:g} {mean:.3f}" for value, mean in sorted(means.items())))
    return lines, bool(max(abs(mean - own) for mean in means.values()) > spread)


def same(here: dict[float, float], usual: float, spread: float) -> tuple[float, float]:
    """The least and the greatest of the values beside one another, round the usual, whose figure is at most `spread`
    below that of the usual."""
    values = sorted(here)
    good = [here[value] >= here[usual] - spread for value in values]
    low = high = values.index(usual)
    while low > 0 and good[low - 1]:
        low -= 1
    while high + 1 < len(values) and good[high + 1]:
        high += 1
    return values[low], values[high]


def _best(by_value: dict[float, float], constant: Constant) -> float:
    """The value with the greatest figure; of equal ones the product's, then the nearest to it."""
    return min(by_value, key=lambda value: (-round(by_value[value], 6), abs(value - constant.value)))


def _by_value(constant: Constant, figures: Figures) -> dict[str, dict[float, float]]:
    """Figure by scene and value: the mean over the constant's figures, and over masks and seeds with all values."""
    found: dict[tuple[str, str, int], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for key, figure in figures.items():
        if key.figure in constant.figures and key.place in ("", constant.place):
            found[key.scene, key.masks, key.seed][key.value if key.place else constant.value].append(figure)
    whole: dict[str, list[dict[float, float]]] = defaultdict(list)
    for (scene, _, _), values in found.items():
        complete = {len(given) for given in values.values()} == {len(constant.figures)}
        if complete and len(values) == len(constant.values) + 1:
            whole[scene].append({value: float(np.mean(given)) for value, given in values.items()})
    return {scene: {v: float(np.mean([row[v] for row in rows])) for v in rows[0]} for scene, rows in whole.items()}


def _spread(constant: Constant, figures: Figures, scene: str) -> float:
    """Greatest less least, over seeds, of the scene's figure at the product's values; masks that lack a seed are left
    out."""
    by_masks: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for key, figure in figures.items():
        if key.place == "" and key.scene == scene and key.figure in constant.figures:
            by_masks[key.masks][key.seed].append(figure)
    most = max((len(seeds) for seeds in by_masks.values()), default=0)
    whole = [seeds for seeds in by_masks.values() if len(seeds) == most]
    of_seeds = [float(np.mean([np.mean(seeds[seed]) for seeds in whole])) for seed in (whole[0] if whole else ())]
    return float(np.ptp(of_seeds)) if of_seeds else 0.0


def read(log: Path) -> Figures:
    """The figures that are there; the last of a key counts."""
    found = {}
    for text in log.read_text().splitlines() if log.exists() else ():
        row = json.loads(text)
        found[Key(*row["of"])] = row["is"]
    return found


def print_tables(constants: Sequence[Constant], figures: Figures) -> None:
    """The table of every constant, then those that carry nothing."""
    idle = []
    for constant in constants:
        lines, moves = table(constant, figures)
        print("\n".join(lines), end="\n\n" if lines else "")
        idle += [constant.place] if moves is False else []
    print("move the mean over scenes by no more than its spread, so they can be removed or rounded:")
    print("\n".join(f"    {place}" for place in idle) or "    none")


def print_list() -> None:
    """All numeric constants of the rooms."""
    for constant in CHOSEN:
        print(f"{constant.place:58}{constant.value:>12g}   chosen on scenes; {', '.join(constant.figures)}")
    for place, reason in DERIVED.items():
        print(f"{place:58}{'':>12}   {reason}")


def is_named(constant: Constant, name: str) -> bool:
    """Is this its place, or the last part of its place?"""
    return name in (constant.place, constant.place.replace(":", ".").split(".")[-1])


def run(args: argparse.Namespace, constants: Sequence[Constant], log: Path) -> None:
    """Measure what is lacking."""
    done = {} if args.anew else read(log)
    for path in args.scenes or scenes_of(args.family):
        fitted = None if args.fits is None else args.fits / path.name
        scene = Scene.load(path, args.work, fitted, 0, args.proposals)
        voted = VotedScene(scene)
        for masks in filter(scene.has, args.masks):
            for seed in range(args.seeds):
                case = Case(voted, masks, seed)
                wanted = [one for one in keys_of(case, constants, args.every_seed) if one[0] not in done]
                for key, figure in measure(case, wanted):
                    with log.open("a") as file:
                        file.write(json.dumps({"of": key, "is": round(figure, 6)}) + "\n")
                    if key.place:
                        print(f"# {scene.path.name} {masks} {key.place} {key.value:g}: {figure:.3f}", flush=True)
                    else:
                        print(f"# {scene.path.name} {masks} seed {seed} {key.figure}: {figure:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--scenes", type=Path, nargs="+")
    which.add_argument("--family", type=Path, metavar="DATA", help="family, tabletop, demo, kitchen in DATA")
    which.add_argument("--table", action="store_true", help="print what is there")
    which.add_argument("--list", action="store_true", help="list all constants")
    parser.add_argument("--work", type=Path, help="constants.jsonl, and fitted geometry")
    parser.add_argument("--fits", type=Path, help="runs by the scenes' names, whose geometry to take")
    parser.add_argument("--proposals", type=Path, help="proposals by the scenes' names; default: WORK/proposals")
    parser.add_argument("--masks", nargs="+", default=MASKS, type=masking)
    parser.add_argument("--constants", nargs="+", help="places or their last parts; default: all")
    parser.add_argument("--seeds", type=int, default=3, help="seeds at the product's values")
    parser.add_argument("--every-seed", action="store_true", help="other values with all seeds too")
    parser.add_argument("--anew", action="store_true", help="measure again what is there")
    args = parser.parse_args()
    if args.list:
        print_list()
        return
    if args.work is None:
        parser.error("--work is where figures are kept; give a folder")
    named = [one for one in CHOSEN if not args.constants or any(is_named(one, name) for name in args.constants)]
    args.work.mkdir(parents=True, exist_ok=True)
    if not args.table:
        run(args, named, args.work / "constants.jsonl")
    print_tables(named, read(args.work / "constants.jsonl"))


if __name__ == "__main__":
    main()
