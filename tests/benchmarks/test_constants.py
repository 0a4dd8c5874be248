"""The lists of constants hold what the rooms hold, and a constant that is set is set for the product's code."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from constants import Key, same, table
from constants_list import CHOSEN, DERIVED, Constant, _read

import splatseg
from splatseg.cluster import merge_by_support
from splatseg.cluster.cut_by_support import supported_cut
from splatseg.cluster.settings import ClusterSettings
from splatseg.features.lift.settings import EmbedSettings

PACKAGE = Path(splatseg.__file__).parent
ROOMS = ("votes", "features/lift", "borders", "cluster", "select")
PLACES = [constant.place for constant in CHOSEN]


def _numbers(module: Path) -> Iterator[str]:
    """Places of the numbers of a module: upper-case names of numbers, and fields of settings that are numbers."""
    name = ".".join(module.relative_to(PACKAGE).with_suffix("").parts)
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Assign):
            targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
            for target in targets:
                if isinstance(target, ast.Name) and target.id.isupper() and _is_number(f"{name}:{target.id}"):
                    yield f"{name}:{target.id}"
        elif isinstance(node, ast.ClassDef) and node.name.endswith("Settings"):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and _is_number(f"{name}:{node.name}.{ast.unparse(field.target)}"):
                    yield f"{name}:{node.name}.{ast.unparse(field.target)}"


def _is_number(place: str) -> bool:
    value = _read(place)
    return isinstance(value, int | float) and not isinstance(value, bool)


@pytest.mark.parametrize("room", ROOMS)
def test_every_number_of_a_room_is_chosen_or_derived(room: str):
    numbers = {place for module in (PACKAGE / room).glob("*.py") for place in _numbers(module)}
    assert numbers, room
    listed = {*PLACES, *DERIVED}
    assert not numbers - listed, "a number is in no list of benchmarks/constants_list.py"


def test_no_number_is_in_two_lists_and_each_exists():
    places = [*PLACES, *DERIVED]
    assert len(set(places)) == len(places)
    for place in places:
        assert np.isfinite(float(_read(place))), place


@pytest.mark.parametrize("constant", CHOSEN, ids=PLACES)
def test_a_grid_lies_round_the_value_and_does_not_hold_it(constant: Constant):
    assert constant.value not in constant.values
    assert len(constant.values) >= 3
    assert all(float(_read(place)) == constant.value for place in constant.more)


@pytest.mark.parametrize("constant", CHOSEN, ids=PLACES)
def test_a_constant_is_set_for_a_while_and_keeps_its_type(constant: Constant):
    usual = _read(constant.place)
    with constant.set(constant.values[-1]):
        assert constant.value == constant.values[-1]
        assert type(_read(constant.place)) is type(usual)
    assert _read(constant.place) == usual


def test_what_is_set_reaches_modules_settings_and_arguments():
    named = {constant.place: constant for constant in CHOSEN}
    with named["cluster.merge_by_support:SLOPE"].set(1.0):
        assert merge_by_support.level_of(np.ones(1))[0] == pytest.approx(1.0 / (1.0 + np.e))
    with named["features.lift.settings:EmbedSettings.dimensions"].set(7):
        assert EmbedSettings().dimensions == 7
    with named["cluster.settings:ClusterSettings.min_count"].set(3), pytest.raises(ValueError, match="granularity"):
        assert ClusterSettings().min_count == 3
        raise ValueError("granularity: an error in between")
    assert ClusterSettings().min_count == 20
    with named["cluster.cut_by_support:supported_cut.exponent"].set(0.9):
        assert inspect.signature(supported_cut).parameters["exponent"].default == 0.9


def test_the_same_values_stand_beside_one_another_round_the_usual():
    here = {1.0: 0.5, 2.0: 0.88, 3.0: 0.9, 4.0: 0.89, 5.0: 0.7, 6.0: 0.9}
    assert same(here, 3.0, 0.02) == (2.0, 4.0)
    assert same(here, 3.0, 0.0) == (3.0, 3.0)
    assert same(here, 3.0, 1.0) == (1.0, 6.0)


def figures(of_scene: dict[str, dict[float, float]], spread: float) -> dict[Key, float]:
    """Figures of TIE; 1e-3 stands for the product's value."""
    place, found = "cluster.merge_by_support:TIE", {}
    for scene, values in of_scene.items():
        for value, figure in values.items():
            usual = value == 1e-3
            found[Key("" if usual else place, 0.0 if usual else value, "segments", scene, "masks", 0)] = figure
            if usual:
                found[Key("", 0.0, "segments", scene, "masks", 1)] = figure - spread
    return found


TIE = next(constant for constant in CHOSEN if constant.place.endswith(":TIE"))


def test_the_value_of_the_others_is_chosen_without_the_scene_itself():
    one = {0.0: 0.1, 1e-4: 0.3, 1e-3: 0.4, 1e-2: 0.9}
    two = {0.0: 0.1, 1e-4: 0.8, 1e-3: 0.4, 1e-2: 0.2}
    lines, moves = table(TIE, figures({"one": one, "two": two}, 0.01))
    of_one = next(text for text in lines if text.strip().startswith("one")).split()
    # product; others' value and figure here; best value and figure here; spread
    assert of_one[1:7] == ["0.400", "0.0001", "0.300", "0.01", "0.900", "0.010"]
    assert moves


def test_a_constant_that_moves_less_than_the_seed_carries_nothing():
    flat = {0.0: 0.81, 1e-4: 0.79, 1e-3: 0.8, 1e-2: 0.8}
    assert table(TIE, figures({"one": flat, "two": flat}, 0.05))[1] is False
    assert table(TIE, figures({"one": flat, "two": flat}, 0.001))[1] is True


def test_a_scene_that_lacks_values_is_left_out():
    whole = {0.0: 0.1, 1e-4: 0.3, 1e-3: 0.4, 1e-2: 0.9}
    lines, _ = table(TIE, figures({"one": whole, "two": {1e-3: 0.4}}, 0.01))
    assert not any(text.strip().startswith("two") for text in lines)
    assert table(TIE, {}) == ([], None)


def test_seeds_count_that_have_all_values():
    place = "cluster.merge_by_support:TIE"
    lucky = figures({"one": {0.0: 0.1, 1e-4: 0.3, 1e-3: 0.9, 1e-2: 0.3}}, 0.6)  # 0.9 with seed 0, 0.3 with seed 1
    lines, _ = table(TIE, lucky)
    assert lines[2].split()[1] == "0.900"
    for value in TIE.values:
        lucky[Key(place, value, "segments", "one", "masks", 1)] = 0.3
    lines, _ = table(TIE, lucky)
    assert lines[2].split()[1] == "0.600"
    assert f"{1e-4:g} 0.300" in lines[-1]
