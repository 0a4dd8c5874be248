"""Malformed calls of the native extension: errors of Python, never the end of the process.

The random calls of `benchmarks/fuzz_native.py`, a few of them; and the kinds that once went through, one by one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz_native import Calls, fuzz, judge
from native_calls import CHANNELS, MASKS, Arguments, Objects, csr_arguments, right_calls

from splatseg import _native

ROOT = Path(__file__).resolve().parents[2]


def right(name: str) -> Arguments:
    return right_calls(np.random.default_rng(3), Objects())[name]()


def call(name: str, **changes: object) -> object:
    return getattr(_native, name)(**right(name) | changes)


def test_no_malformed_call_ends_the_process_or_writes_where_it_may_not() -> None:
    outcomes, faults = fuzz(seed=14, count=1500, only=[])
    assert not faults, faults[0]
    assert sum(outcomes.values()) == 1500


def test_every_function_of_the_extension_is_called() -> None:
    functions = {name for name in dir(_native) if name[0].islower() and callable(getattr(_native, name))}
    assert set(right_calls(np.random.default_rng(0), Objects())) == functions | {"Camera"}


def test_a_child_that_ends_is_a_fault_with_its_call() -> None:
    calls = Calls(0, ["blend"])
    assert judge("blend", KeyError("x"), ["x"], False) == "raised KeyError: 'x'"
    assert judge("blend", None, ["x"], True) == "was let in"
    assert calls.make(5)[3] == calls.make(5)[3]
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "fuzz_native.py"), "--calls", "2", "--only", "no_function"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "the process ended with 1" in done.stdout and "KeyError: 'no_function'" in done.stdout


@pytest.mark.parametrize("place", [0, 1, 2])
def test_none_inside_a_tuple_is_refused(place: int) -> None:
    growth = list(right("backward")["growth"])
    growth[place] = None
    with pytest.raises(TypeError):
        call("backward", growth=tuple(growth))
    masks = list(right("follow_matches")["masks"])
    masks[place] = None
    with pytest.raises(TypeError):
        call("follow_matches", masks=tuple(masks))
    view = list(right("stack_views")["views"][0])
    view[place] = None
    with pytest.raises(TypeError):
        call("stack_views", views=[tuple(view)])


@pytest.mark.parametrize(
    "shape", [[2**62, 8], [0, 2**62, 8], [2**61], [1] * 65], ids=["product", "strides", "bytes", "axes"]
)
def test_a_tensor_that_no_memory_holds_is_refused(shape: list[int]) -> None:
    with pytest.raises(ValueError, match="a tensor"):
        _native.empty(shape)
    with pytest.raises(MemoryError):
        _native.empty([2**45])


def test_a_result_is_never_written_to_a_copy() -> None:
    out = right("blend")["blended"]
    for wrong in (out.astype(np.float64), np.asfortranarray(out), np.repeat(out, 2, axis=-1)[..., ::2]):
        with pytest.raises(TypeError):
            call("blend", blended=wrong)
    out.flags.writeable = False
    with pytest.raises(TypeError):
        call("blend", blended=out)


def test_a_misaligned_array_is_refused() -> None:
    features = right("blend")["features"]
    memory = np.zeros(features.nbytes + 1, np.uint8)
    with pytest.raises(TypeError):
        call("blend", features=memory[1:].view(np.float32).reshape(features.shape))


def test_a_result_over_another_argument_is_refused() -> None:
    image = right("photometric")["image"]
    with pytest.raises(ValueError, match="overlaps another"):
        call("photometric", image=image, gradient=image)
    both = np.zeros(2 * 40, np.uint8)
    for name in ("follow_majority", "follow_matches"):
        with pytest.raises(ValueError, match="overlaps another"):
            call(name, members=both[:40], out=both[20:60])
    arrays = csr_arguments(np.random.default_rng(0))
    matrix = _native.csr_matrix(**arrays, threads=1)
    weights = arrays["weights"][:40]
    with pytest.raises(ValueError, match="overlaps another"):
        _native.sparse_product(matrix, np.ones((7, 1), np.float32), weights.reshape(40, 1), False, 1)


def test_row_starts_that_do_not_ascend_are_refused() -> None:
    for indptr in ([0, 10**9, 2, 2, 3], [0, -5, 2, 2, 3], [1, 1, 2, 2, 3], [-(2**63), 1, 2, 2, 3]):
        with pytest.raises(ValueError):
            view = (np.array([0, 1, 3], np.int32), np.arange(3, dtype=np.int32), np.ones(3, np.float32))
            starts, columns = np.array(indptr, np.int64), np.zeros(3, np.int32)
            _native.stack_views([view], 0, 4, starts, columns, np.ones(3, np.float32), 1)
        with pytest.raises(ValueError):
            _native.csr_matrix(starts, np.zeros(3, np.int32), np.ones(3, np.float32), 4, 1)


def test_rows_that_were_not_checked_are_not_read() -> None:
    arrays = csr_arguments(np.random.default_rng(0))
    matrix = _native.csr_rows(**arrays)
    with pytest.raises(ValueError, match="must have been checked"):
        _native.add_columns(matrix, np.zeros(7))
    _native.check_rows(matrix, 10, 1)
    assert matrix.window(2, 10).height == 8
    with pytest.raises(ValueError, match="the last that was checked"):
        matrix.window(2, 11)
    with pytest.raises(ValueError, match="the last that was checked"):
        matrix.picked(np.array([10], np.int32))
    arrays["columns"][-1] = 7
    with pytest.raises(ValueError, match="not a CSR matrix"):
        _native.check_rows(matrix, 40, 1)


def test_shares_of_a_product_come_in_order() -> None:
    arguments = right("gram_product")
    with pytest.raises(ValueError, match="in order"):
        _native.gram_product(**arguments | {"index": 1})
    _native.gram_product(**arguments)
    with pytest.raises(ValueError, match="in order"):
        _native.gram_product(**arguments)
    _native.gram_product(**arguments | {"index": 1})
    _native.add_parts(arguments["sums"], np.zeros((MASKS, CHANNELS)), 1)
    with pytest.raises(ValueError, match="complete"):
        _native.gram_product(**arguments)


def test_views_whose_rows_are_unsorted_or_elsewhere_are_refused_within_the_memory_of_the_result() -> None:
    starts = np.array([0, 1, 2, 2, 3], np.int64)
    for rows in ([0, 1, 30_000_000], [-100_000, 1, 3], [3, 1, 0], [0, 3, 3], [0, 0, 3], [-(2**31), 2**31 - 1, 0]):
        memory = np.full(9, 77, np.int32)
        view = (np.array(rows, np.int32), np.arange(3, dtype=np.int32), np.ones(3, np.float32))
        with pytest.raises(ValueError, match="rows of a view must ascend"):
            _native.stack_views([view], 0, 4, starts, memory[3:6], np.ones(3, np.float32), 2)
        assert (memory[:3] == 77).all() and (memory[6:] == 77).all()


def test_rows_of_votes_whose_columns_do_not_ascend_are_refused() -> None:
    starts, columns = np.array([0, 2], np.int64), np.array([2, 1], np.int32)
    votes = _native.csr_matrix(starts, columns, np.ones(2, np.float32), 7, 1)
    with pytest.raises(ValueError, match="must ascend"):
        call("under_masks", votes=votes, seen=np.ones(1, np.float32))
    masks = (np.array([2, 0, 0, 0, 1, 1, 2], np.int32), *right("under_masks")["masks"][1:])
    with pytest.raises(ValueError, match="view_of must ascend"):
        call("under_masks", masks=masks)


def test_memory_goes_by_what_there_is_and_not_by_what_is_said() -> None:
    arguments = right("under_masks")
    view_of, layer_of, views, _ = arguments["masks"]
    _native.under_masks(**arguments)
    expected = arguments["seen"].copy()
    far = np.where(layer_of == 1, 2**31 - 2, layer_of).astype(np.int32)
    _native.under_masks(**arguments | {"masks": (view_of, far, views, 2**31 - 1), "threads": 1024})
    assert (arguments["seen"] == expected).all()
    arguments = right("vote")
    small = _native.vote(**arguments)
    large = _native.vote(**arguments | {"count": 2**31 - 2, "threads": 64})
    assert (small.entries, small.height) == (large.entries, large.height)
    assert large.width == 2**31 - 2


def test_points_at_the_ends_of_the_numbers_have_neighbours_all_the_same() -> None:
    points = right("touching_groups")["points"]
    points[0], points[1] = 3e38, -3e38
    out = np.empty(len(points), np.int32)
    tree = _native.point_tree(points, None, None, 1)
    call("touching", tree=tree, rule=(5, 0.0, 0.1, 1000), out=out)
    assert (out == out[0]).sum() == (out == out[1]).sum() == 1
    call("nearest_points", tree=tree, points=points, out=out)
    assert (out == np.arange(len(points))).all()
    points[2, 1] = np.nan
    with pytest.raises(ValueError, match="points must be finite"):
        call("point_tree", points=points, use=None)
    call("point_tree", points=points, use=np.isfinite(points).all(1).astype(np.uint8))


def test_a_pair_of_regions_that_is_there_twice_is_refused() -> None:
    graph = right("merge_regions")
    pairs = graph["pairs"]
    pairs[1] = pairs[0][::-1]
    with pytest.raises(ValueError, match="each pair once"):
        _native.merge_regions(**graph)


@pytest.mark.parametrize(
    "name, changes",
    [
        ("Camera", {"viewmat": np.full((4, 4), np.nan)}),
        ("Camera", {"cutoffs": [0.01, 0.3, 0.0, 0.999, 1e-4, 0.3]}),
        ("Camera", {"K": np.full((3, 3), 1e300)}),
        ("colors", {"position": [0.0, np.nan, 0.0]}),
        ("photometric", {"ssim_weight": float("nan")}),
        ("blend_levels", {"share": float("nan")}),
        ("label_map", {"count": -1}),
        ("label_map", {"count": 1 << 24}),
        ("border_cues", {"pixels": 0.0}),
        ("off_planes", {"threads": 1}),
        ("peak_gflops", {"threads": 0}),
        ("blend", {"threads": 1025}),
        ("blend", {"plan": None}),
    ],
)
def test_numbers_that_mean_nothing_are_refused(name: str, changes: Arguments) -> None:
    with pytest.raises((ValueError, TypeError)):
        call(name, **changes)


def test_no_channels_and_no_gaussians_are_no_offence() -> None:
    made = Objects()
    image, alphas = torch.empty(35, 45, 0), torch.empty(35, 45)
    _native.blend(made.plan, torch.empty(40, 0), image, alphas, 2)
    sums = torch.empty(40, 0)
    _native.accumulate(made.plan, image, sums, 2)
    gram = _native.gram_sums(40, np.ones((7, 0), np.float32), 0, 2)
    _native.gram_product(made.votes, np.ones(40, np.float32), gram, 0, 1, 2)
    _native.add_parts(gram, np.ones((7, 0)), 2)
    _native.sparse_product(made.votes, np.ones((40, 0), np.float32), np.ones((7, 0), np.float32), True, 2)
    assert alphas.max() > 0.1
