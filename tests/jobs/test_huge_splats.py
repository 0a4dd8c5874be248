"""What is made of a splat that lies in a file has the bytes of one in memory; what needs memory says so before."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import contents, sketch_settings

import splatseg
from splatseg.cameras.coordinates import Coordinates
from splatseg.cli.main import run as command_line
from splatseg.errors import SplatsegError
from splatseg.formats.parts.mapped import map_splats
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.pick import digested
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.jobs import evaluate
from splatseg.jobs.blocks import at_hand, choose
from splatseg.jobs.blocks.at_hand import check_memory, splats_of_file, splats_of_run, warn_of_prompts
from splatseg.jobs.blocks.request import in_blocks
from splatseg.jobs.evaluate import evaluate_run
from splatseg.jobs.train import start_run, train_run
from splatseg.machine import mapped as scratch
from splatseg.run.folder import Run, open_run
from splatseg.run.reporter import NullReporter
from splatseg.run.settings_file import write_settings
from splatseg.select.match import features_of
from splatseg.splats.made_of import FEATURES, GEOMETRY, SEGMENTS, made_of
from splatseg.splats.mapped import geometry
from splatseg.splats.splats import Splats

PARTS = (GEOMETRY, FEATURES, SEGMENTS)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with segments, a sixteenth of the pixels of the embedded capture; never changed."""
    run = start_run(tmp_path_factory.mktemp("small") / "run", sketch_settings())
    train_run(run)
    return open_run(run.path)


@pytest.fixture
def both(small: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Run]:
    """Copies of the run: in one piece, and in 5 blocks with all that is large in files, a few rows at a time."""
    monkeypatch.setattr(scratch, "IN_MEMORY", 1000)
    monkeypatch.setattr(scratch, "ROWS_A_BLOCK", 700)
    monkeypatch.setattr(geometry, "GROUP", 256)
    runs = [Run(shutil.copytree(small.path, tmp_path / name / "run"), small.settings) for name in ("one", "many")]
    write_settings(runs[1].path / "config.yaml", dataclasses.replace(small.settings, blocks=5))
    return runs[0], open_run(runs[1].path)


def assert_same(tmp_path: Path) -> None:
    """Both commands wrote the same files, and some."""
    one, many = contents(tmp_path / "one" / "out"), contents(tmp_path / "many" / "out")
    assert one.keys() == many.keys() and one
    assert [name for name in one if one[name] != many[name]] == []


def test_a_mapped_splat_has_all_that_is_in_memory(both: tuple[Run, Run]) -> None:
    whole, found = splats_of_run(both[0]), splats_of_run(both[1])
    assert found.is_mapped and not whole.is_mapped
    assert (
        made_of(found, *PARTS) == made_of(whole, *PARTS) == made_of(digested(open_blocks(both[1].splats_path)), *PARTS)
    )
    rows = np.flatnonzero(whole.segment_ids == 2)
    for taken in (found.subset(rows), found.subset(whole.segment_ids == 2)):
        for name in ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN", "features", "segment_ids"):
            assert torch.equal(getattr(taken, name), getattr(whole, name)[rows]), name
    assert np.array_equal(features_of(found), features_of(whole)) and features_of(found) is features_of(found)
    for camera in [view.camera for view in both[0].capture.views[:3]]:
        reach = sum(rows.stop - rows.start for rows in found.rows_in_view(camera))
        assert 0 < reach <= len(whole)


def test_a_mapped_splat_in_another_world_is_that_in_memory(both: tuple[Run, Run], tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", splats_of_run(both[0]).replace(features=None))
    world, path = Coordinates((1.0, -2.0, 0.5), 3.0), tmp_path / "a.ply"
    found, whole = map_splats(open_blocks(path)).in_world(world), load_splats(path)[0].in_world(world)
    assert found.is_mapped and made_of(found, GEOMETRY) == made_of(whole, GEOMETRY)
    assert torch.equal(found.scales, whole.scales) and found.coordinates == world


def test_what_is_evaluated_in_blocks_has_the_same_figures(
    both: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[bool] = []
    monkeypatch.setattr(evaluate, "report_run", lambda run, reporter, splats: shown.append(splats.is_mapped))

    def read(run: Run) -> Splats:
        assert run.settings.blocks == 1, "in blocks it is not read as a whole"
        return load_splats(run.splats_path)[0]

    monkeypatch.setattr(Run, "splats", read)
    for run in both:
        evaluate_run(run, splatseg.demo_capture() / "gt" / "instance")
    assert both[0].evaluation_path.read_bytes() == both[1].evaluation_path.read_bytes()
    assert shown == [False, True]


@pytest.mark.parametrize(
    "words",
    [
        ["export", "--each", "--rest", "-o", "out"],
        ["export", "--each", "--segment", "1", "2", "--format", "spz", "-o", "out"],
        ["export", "--segment", "1", "3", "--rest", "-o", "out/a.ply"],
        ["export", "-o", "out/a.sog"],
        pytest.param(["export", "--segment", "1", "--mesh", "-o", "out/a.obj"], marks=pytest.mark.slow),
        ["render", "--what", "overlay", "-o", "out"],
        ["render", "--what", "masks", "--antialias", "--segment", "1", "-o", "out"],
        ["render", "--what", "features", "--path", "orbit", "--seconds", "0.2", "--fps", "10", "-o", "out"],
        ["select", "--view", "012.jpg", "--click", "12,19", "-o", "out"],
        ["clean", "-o", "out/a.ply"],
    ],
    ids=lambda words: "-".join(word.strip("-") for word in words[:3]),
)
def test_what_is_written_of_a_run_in_blocks_has_the_same_bytes(
    words: list[str], both: tuple[Run, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in both:
        monkeypatch.chdir(run.path.parent)
        Path("out").mkdir() if "." in words[-1] else None
        assert command_line([words[0], "run", *words[1:], "-q"]) == 0
    assert_same(tmp_path)


def test_a_run_or_file_that_is_too_large_is_mapped(both: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not splats_of_file(both[0].splats_path).is_mapped and not splats_of_run(both[0], 100).is_mapped
    needed = choose.memory_in_one_piece(*choose.size_of_splat(both[0].splats_path), 8)
    monkeypatch.setattr(choose, "machine_memory", lambda: needed)
    assert not splats_of_run(both[0], 8).is_mapped, "what fits is not mapped"
    assert splats_of_run(both[0], 9).is_mapped
    monkeypatch.setattr(choose, "machine_memory", lambda: 1 << 20)
    assert splats_of_file(both[0].splats_path).is_mapped


def test_segmenting_in_one_piece_without_the_memory_for_it_is_told(small: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = NullReporter()
    assert in_blocks(small, small.settings, None, reporter).blocks == 1 and not reporter.warnings
    monkeypatch.setattr(choose, "machine_memory", lambda: 1 << 20)
    assert in_blocks(small, small.settings, 1, reporter).blocks == 1 and not reporter.warnings
    assert in_blocks(small, small.settings, None, reporter).blocks == 1
    assert reporter.warnings[0].endswith("there are 1 MiB; --blocks auto finds the same segments with less")


def needed_by(run: Run) -> int:
    """Bytes of the splat with its features twice, and of votes and hierarchy."""
    splats = run.splats()
    assert splats.features is not None
    numbers = 14 + 3 * splats.shN.shape[1] + 2 * splats.features.shape[1]
    return 4 * len(splats) * numbers + run.votes_path.stat().st_size + run.hierarchy_path.stat().st_size


@pytest.mark.parametrize("words", [["view", "{run}"], ["refine", "{run}", "-o", "new"]], ids=lambda words: words[0])
def test_what_needs_memory_says_so_before_it_reads_anything(
    words: list[str],
    small: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    needed = needed_by(small)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(at_hand, "machine_memory", lambda: needed - 1)
    monkeypatch.setattr(Run, "splats", lambda run: pytest.fail("nothing is read"))
    monkeypatch.setattr("splatseg.viewer.shown_scene.open_shown", lambda *given: pytest.fail("nothing is read"))
    assert command_line([word.format(run=small.path) for word in words]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{words[0].removesuffix('e')}ing {small.path} takes some" in said and "Gaussians, and there are " in said
    assert said.endswith("or set SPLATSEG_MEMORY=1G to swap") and not list(tmp_path.iterdir())


def test_memory_that_may_not_be_enough_is_a_warning_and_what_fits_is_not_told(
    small: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed, told = needed_by(small), list[str]()

    def check(there: float) -> None:
        monkeypatch.setattr(at_hand, "machine_memory", lambda: int(there))
        check_memory("viewing it", (small.path,), "view less", told.append, twice=True)

    check(needed / 0.8 + 2)
    assert told == []
    check(needed)
    assert len(told) == 1 and told[0].endswith(", which may not be enough; view less")
    with pytest.raises(SplatsegError, match=r"^viewing it takes some .* view less, or set SPLATSEG_MEMORY=1G to swap$"):
        check(needed - 1)
    monkeypatch.setattr(at_hand, "machine_memory", lambda: 2 * needed)
    with pytest.raises(SplatsegError):
        check_memory("viewing", (small.path,) * 3, "view one", told.append, twice=True)


def test_a_format_that_is_written_in_one_piece_says_so(
    both: tuple[Run, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(at_hand, "machine_memory", lambda: 1 << 16)
    assert command_line(["export", str(both[1].path), "-o", str(tmp_path / "a.spz")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "a.spz takes some" in said and "write it as .ply, or segments by themselves, or set SPLATSEG_MEM" in said
    assert not (tmp_path / "a.spz").exists()


def test_prompts_on_a_mapped_splat_that_may_not_find_the_memory_say_so(
    both: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, found = splats_of_run(both[0]), splats_of_run(both[1])
    said: list[str] = []
    warn_of_prompts(found, 75, said.append)
    monkeypatch.setattr(at_hand, "machine_memory", lambda: 4 * 80 * len(found))
    warn_of_prompts(whole, 75, said.append)  # in memory already
    assert said == []
    warn_of_prompts(found, 75, said.append)
    assert len(said) == 1 and f"prompts on {len(found):,} Gaussians take up to" in said[0]
    assert said[0].endswith("which may not be enough; export a part of the splat to ask it")
