"""Cells of a small fit: one is the fit of the whole, several are the same bits in any order and after any stop."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from small_fit import SETTINGS

from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.engine.in_process import InProcess
from splatseg.engine.protocol import Done
from splatseg.errors import RunError
from splatseg.jobs.fitting.in_blocks import BlockFit
from splatseg.run.reporter import NullReporter
from splatseg.splats.splats import Splats
from splatseg.tensors import load_tensors
from splatseg.train.blocks.cell import fit_cell
from splatseg.train.blocks.plan import read_round
from splatseg.train.blocks.rows import cell_folder, end_path, start_path
from splatseg.train.blocks.settings import BlockSettings
from splatseg.train.blocks.work import CellWork
from splatseg.train.fit import fit_splats
from splatseg.train.task import Watch

LAST = len(BlockSettings(cells=1).joins)
"""Number of the last round."""


def same(first: Splats, second: Splats) -> bool:
    names = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)


def training_views(capture: Capture) -> Sequence[View]:
    return capture.split("train")


def block_fit(capture: Capture, folder: Path, cells: int, **changes: object) -> BlockFit:
    work = CellWork(functools.partial(training_views, capture), SETTINGS)
    blocks = dataclasses.replace(BlockSettings(cells=cells), **changes)  # type: ignore[arg-type]
    return BlockFit(folder, capture, SETTINGS, blocks, work, NullReporter())


class Backwards(InProcess):
    """Does the last item first, and every item twice."""

    def map(self, work: Callable, items: Sequence, **others: object) -> Iterator[Done]:
        for index in reversed(range(len(items))):
            work(items[index])
            yield from (dataclasses.replace(done, index=index) for done in super().map(work, [items[index]]))


class Interrupted(InProcess):
    """Is stopped in the middle of the third item that it does, of all that it is given."""

    left = 3

    def map(self, work: CellWork, items: Sequence[str], **others: object) -> Iterator[Done]:
        for index, item in enumerate(items):
            self.left -= 1
            if self.left == 0:
                stop = functools.partial(next, iter([False] * 5 + [True]))
                fit_cell(Path(item), work.views(), work.settings, Watch(stop=stop))
            yield from (dataclasses.replace(done, index=index) for done in super().map(work, [item]))


@pytest.fixture(scope="module")
def in_three(capture: Capture, tmp_path_factory: pytest.TempPathFactory) -> tuple[Splats, Path]:
    folder = tmp_path_factory.mktemp("cells")
    return block_fit(capture, folder, 3).splats(InProcess()), folder


def test_one_cell_is_the_fit_of_the_whole_to_the_bit(capture: Capture, tmp_path: Path) -> None:
    assert same(block_fit(capture, tmp_path, 1).splats(InProcess()), fit_splats(capture, SETTINGS))


def test_cells_in_any_order_and_done_twice_are_the_same_bits(capture, in_three, tmp_path) -> None:
    assert same(block_fit(capture, tmp_path, 3).splats(Backwards()), in_three[0])


def test_a_fit_stopped_in_a_cell_continues_to_the_bit(capture, in_three, tmp_path) -> None:
    fit = block_fit(capture, tmp_path, 3)
    with pytest.raises(KeyboardInterrupt):
        fit.splats(Interrupted())
    assert list(cell_folder(tmp_path, 1, 2).glob("checkpoint/*.json"))
    assert end_path(cell_folder(tmp_path, 1, 0)).exists()
    assert same(fit.splats(InProcess()), in_three[0])


def test_a_fit_stopped_before_it_is_cut_continues_to_the_bit(capture, in_three, tmp_path) -> None:
    fit = block_fit(capture, tmp_path, 3)
    calls = []

    def told(**facts: object) -> None:
        calls.append(facts)
        if len(calls) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataclasses.replace(fit, record=told).splats(InProcess())
    assert same(fit.splats(InProcess()), in_three[0])


def test_every_gaussian_has_one_owner_when_a_round_begins_and_one_end_when_it_is_over(capture, in_three) -> None:
    splats, folder = in_three
    last = read_round(folder, LAST)
    assert last is not None and read_round(folder, LAST - 1) is None
    owned = []
    for number, cell in enumerate(last.cells):
        arrays = load_tensors(start_path(cell))[0]
        own, means = arrays["own"].astype(bool), arrays["value.means"]
        assert ((last.partition.owners(means) == number) == own).all()
        owned.append(means[own])
    everything = np.concatenate(owned)
    assert len(np.unique(everything, axis=0)) == len(everything) == sum(last.owned)
    ends = [load_tensors(end_path(cell))[0]["value.means"] for cell in last.cells]
    assert torch.equal(splats.means, torch.from_numpy(np.concatenate(ends)))


def test_what_comes_of_a_gaussian_has_its_owner(capture, in_three) -> None:
    """Without growth as many Gaussians leave a round as have begun it, however they have moved."""
    _, folder = in_three
    last = read_round(folder, LAST)
    assert last is not None and last.begins >= SETTINGS.densify_until - SETTINGS.densify_every
    ends = [len(load_tensors(end_path(cell))[0]["value.means"]) for cell in last.cells]
    assert ends == list(last.owned)


def test_a_cell_trains_its_own_and_its_margins_and_keeps_the_context(capture, in_three) -> None:
    _, folder = in_three
    last = read_round(folder, LAST)
    assert last is not None
    arrays = [load_tensors(start_path(cell))[0] for cell in last.cells]
    everything = np.unique(np.concatenate([each["value.means"] for each in arrays]), axis=0)
    for number, each in enumerate(arrays):
        own, around = each["value.means"], each["context.means"]
        assert last.owned[number] <= len(own) == last.trained[number] < len(everything)
        assert 0 < len(around) == last.context[number]
        both = np.concatenate([own, around])
        assert len(np.unique(both, axis=0)) == len(both) <= len(everything)


def test_a_cell_that_fails_is_told_and_the_others_are_done(capture, tmp_path) -> None:
    fit = block_fit(capture, tmp_path, 3)

    class Damaging(InProcess):
        def map(self, work: Callable, items: Sequence, **others: object) -> Iterator[Done]:
            start_path(Path(items[1])).write_bytes(b"gone")
            yield from super().map(work, items)

    with pytest.raises(RunError, match=r"1 of 3 cells were not fitted \(cell 001 of round 1: .*start.safetensors"):
        fit.splats(Damaging())
    assert [end_path(cell_folder(tmp_path, 1, cell)).exists() for cell in range(3)] == [True, False, True]


def test_a_damaged_checkpoint_of_a_cell_begins_it_anew(capture, in_three, tmp_path) -> None:
    fit = block_fit(capture, tmp_path, 3)
    with pytest.raises(KeyboardInterrupt):
        fit.splats(Interrupted())
    for path in cell_folder(tmp_path, 1, 2).glob("checkpoint/*.safetensors"):
        path.write_bytes(b"gone")
    assert same(fit.splats(InProcess()), in_three[0])
