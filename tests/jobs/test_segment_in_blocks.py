"""A run that is segmented in blocks has the bytes of one that is segmented in one piece, whatever happens meanwhile."""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import contents, sketch_settings

import splatseg
from splatseg.cli.main import run as command_line
from splatseg.engine.in_process import InProcess
from splatseg.errors import RunError, SplatFileError
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.jobs import segment, train
from splatseg.jobs.blocks import choose, pieces, take
from splatseg.jobs.blocks.choose import choose_blocks, memory_in_one_piece
from splatseg.jobs.blocks.report import report_of
from splatseg.jobs.segment import regroup_run, segment_run
from splatseg.jobs.train import start_run, train_run
from splatseg.requests.blocks import BlocksRequest
from splatseg.run.folder import Run, open_run
from splatseg.run.reporter import NullReporter, Summary
from splatseg.votes.blocks import work

CHANGING = {"config.yaml", "metrics.jsonl", "report.html"}
"""Files that tell the number of blocks, or seconds."""


class Listening(NullReporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def unreported(run: Run, reporter: Any, splats: Any = None) -> Summary:
    """In place of the report, which takes longest and looks at nothing that other tests ask about."""
    del reporter, splats
    return Summary("", segments=len(splatseg.open(run.path).segments))


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "report" not in request.node.name:
        monkeypatch.setattr(segment, "report_run", unreported)
        monkeypatch.setattr(train, "report_run", unreported)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with segments, a sixteenth of the pixels of the embedded capture; never changed."""
    run = start_run(tmp_path_factory.mktemp("small") / "run", sketch_settings())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train, "report_run", unreported)
        train_run(run)
    return run


@pytest.fixture(scope="module")
def whole(small: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same run, segmented once more in one piece."""
    run = copied(small, tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segment, "report_run", unreported)
        segment_run(run, granularity=0.3)
    return open_run(run.path)


def copied(run: Run, folder: Path) -> Run:
    shutil.copytree(run.path, folder / "run")
    return open_run(folder / "run")


def lasting(run: Run) -> dict[str, bytes]:
    """The files of a run that do not tell when it was made."""
    return {name: content for name, content in contents(run.path).items() if Path(name).name not in CHANGING}


def assert_same(run: Run, other: Run) -> None:
    found, expected = lasting(run), lasting(other)
    assert found.keys() == expected.keys(), "nothing is left behind"
    assert [name for name in found if found[name] != expected[name]] == []


@pytest.mark.parametrize("blocks", ["2", "9"])
def test_a_run_segmented_in_blocks_has_the_same_bytes(blocks: str, small: Run, whole: Run, tmp_path: Path) -> None:
    run = copied(small, tmp_path)
    summary = segment_run(run, granularity=0.3, blocks=BlocksRequest(blocks))
    assert_same(run, whole)
    assert open_run(run.path).settings.blocks == int(blocks)
    assert summary.facts["segments"] == len(splatseg.open(whole.path).segments)
    assert open_run(run.path).settings == dataclasses.replace(whole.settings, blocks=int(blocks))


def test_segments_of_photographs_alone_are_the_same_in_blocks(small: Run, tmp_path: Path) -> None:
    one, many = copied(small, tmp_path / "one"), tmp_path / "many" / "run"
    segment_run(one, "auto")
    assert len(list(one.path.glob("proposals/trees/*.safetensors"))) == len(one.capture.split("train"))
    many.parent.mkdir()
    shutil.copytree(one.path, many)
    segment_run(open_run(many), granularity=0.3, blocks=BlocksRequest("3"))
    segment_run(open_run(one.path), granularity=0.3)
    assert_same(open_run(many), open_run(one.path))


@pytest.mark.slow
def test_the_report_of_blocks_has_the_figures_of_one_piece(small: Run, whole: Run, tmp_path: Path) -> None:
    run = copied(small, tmp_path)
    found = segment_run(run, granularity=0.3, blocks=BlocksRequest("5")).facts
    expected = segment_run(copied(whole, tmp_path / "again"), granularity=0.3).facts
    told = {name: value for name, value in found.items() if name not in ("run", "report", "seconds", "findings")}
    assert told == {name: expected[name] for name in told} and "psnr" in told
    assert [one["title"] for one in found["findings"]] == [one["title"] for one in expected["findings"]]
    page = (run.path / "report.html").read_text()
    assert page.count("<img") == (tmp_path / "again" / "run" / "report.html").read_text().count("<img")


@pytest.mark.slow
def test_the_report_is_written_anew_in_blocks_and_leaves_what_was_begun(whole: Run, tmp_path: Path) -> None:
    run = copied(whole, tmp_path / "many")
    changed = Run(run.path, dataclasses.replace(run.settings, blocks=4))
    (run.blocks_path / "views").mkdir(parents=True)
    (run.blocks_path / "views" / "begun.safetensors").touch()
    found, expected = report_of(changed, NullReporter()).facts, report_of(whole, NullReporter()).facts
    assert [found[name] for name in ("gaussians", "segments", "psnr", "ssim")] == [
        expected[name] for name in ("gaussians", "segments", "psnr", "ssim")
    ]
    assert (run.blocks_path / "views" / "begun.safetensors").exists()
    assert not list(run.path.glob("*geometry*")) and not list(run.path.glob(".*geometry*"))


def test_another_cut_in_blocks_has_the_same_bytes(whole: Run, tmp_path: Path) -> None:
    in_one, in_many = copied(whole, tmp_path / "one"), copied(whole, tmp_path / "many")
    regroup_run(in_one, 0.8)
    regroup_run(in_many, 0.8, blocks=BlocksRequest("3"))
    assert_same(in_many, in_one)
    regroup_run(open_run(in_many.path), 0.3)
    regroup_run(open_run(in_one.path), 0.3)
    assert open_run(in_many.path).settings.blocks == 3, "a run stays in its blocks"
    assert_same(in_many, in_one)


def test_a_splat_that_is_given_is_taken_and_segmented_in_blocks(small: Run, tmp_path: Path) -> None:
    settings = dataclasses.replace(small.settings, splats=str(small.splats_path))
    for place, blocks in (("one", None), ("many", BlocksRequest("4"))):
        train_run(start_run(tmp_path / place, settings, blocks=blocks), blocks=blocks)
    assert_same(open_run(tmp_path / "many"), open_run(tmp_path / "one"))
    assert open_run(tmp_path / "many").settings.blocks == 4
    train_run(start_run(tmp_path / "many", settings, resume=True, blocks=BlocksRequest("7")))
    assert open_run(tmp_path / "many").settings.blocks == 4, "what is resumed goes on as it began"


@pytest.mark.slow
def test_a_splat_in_parts_and_without_masks_is_taken_in_blocks(small: Run, tmp_path: Path) -> None:
    splats, _ = load_splats(small.splats_path)
    halves = np.array_split(np.arange(len(splats)), 2)
    for number, rows in enumerate(halves):
        write_ply(tmp_path / "parts" / f"part_{number}.ply", splats.subset(rows))
    settings = dataclasses.replace(small.settings, splats=str(tmp_path / "parts"), masks=())
    for place, blocks in (("one", None), ("many", BlocksRequest("4"))):
        train_run(start_run(tmp_path / place, settings, blocks=blocks), blocks=blocks)
    assert_same(open_run(tmp_path / "many"), open_run(tmp_path / "one"))


def test_a_splat_of_another_world_is_refused_in_blocks(small: Run, tmp_path: Path) -> None:
    splats, _ = load_splats(small.splats_path)
    write_ply(tmp_path / "moved.ply", splats.replace(means=splats.means.flip(1) * 3.0 + 5.0))
    settings = dataclasses.replace(small.settings, splats=str(tmp_path / "moved.ply"))
    with pytest.raises(
        SplatFileError, match=r"recognise moved.ply .* in blocks it is not brought back; give the splat"
    ):
        start_run(tmp_path / "run", settings, blocks=BlocksRequest("3"))
    assert [path.name for path in tmp_path.iterdir()] == ["moved.ply"], "nothing is left"
    reporter = NullReporter()
    start_run(tmp_path / "run", settings, reporter=reporter, force=True, blocks=BlocksRequest("3"))
    assert "recognise moved.ply as it is" in reporter.warnings[0]


def test_a_splat_in_no_spatial_order_is_told_with_a_command_that_orders_it(
    small: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    splats, _ = load_splats(small.splats_path)
    write_ply(Path("my city.ply"), splats.subset(np.random.default_rng(0).permutation(len(splats))))

    def warned(path: str) -> list[str]:
        reporter = NullReporter()
        settings = dataclasses.replace(small.settings, splats=path)
        start_run(tmp_path / "run", settings, reporter=reporter, overwrite=True, blocks=8)
        return reporter.warnings

    (told,) = warned("my city.ply")
    assert told.startswith("the Gaussians of my city.ply lie in the file in no spatial order, so every view looks at")
    command = shlex.split(told.split("`")[1])
    assert command[0] == "splatseg" and command_line(command[1:]) == 0
    assert told.endswith("and --splats 'my city_sorted' takes it") and warned("my city_sorted") == []


def test_what_is_interrupted_leaves_the_run_as_it_was_and_goes_on(
    small: Run, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(small, tmp_path)
    before = lasting(run)

    def interrupted(*given: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(pieces, "cluster_rows", interrupted)
        segment_run(run, granularity=0.3, blocks=BlocksRequest("3"))
    kept = lasting(run)
    assert {name: data for name, data in kept.items() if not name.startswith("blocks/")} == before
    assert sum(name.startswith("blocks/views/") for name in kept) == len(run.capture.split("train"))
    made: list[Path] = []
    write = work.write_view
    monkeypatch.setattr(work, "write_view", lambda path, *given: made.append(path) or write(path, *given))
    segment_run(open_run(run.path), granularity=0.3, blocks=BlocksRequest("6"))
    assert not made, "all views were done"
    assert_same(run, whole)


def test_a_failing_view_is_told_and_the_run_stays(small: Run, tmp_path: Path) -> None:
    run = copied(small, tmp_path / "copy")
    before = lasting(run)
    shutil.copytree(str(small.settings.masks[0].path), tmp_path / "masks")
    reporter = NullReporter()
    path = sorted((tmp_path / "masks").iterdir())[5]

    class Spoiling(InProcess):
        def map(self, job: Any, items: Any, **options: Any) -> Iterator[Any]:  # type: ignore[override]
            path.write_bytes(b"no picture")
            yield from super().map(job, items, **options)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(splatseg.SplatsegError, match=path.name):
        patched.setattr("splatseg.jobs.blocks.request.InProcess", Spoiling)
        segment_run(run, str(tmp_path / "masks"), blocks=BlocksRequest("3"), reporter=reporter)
    kept = lasting(run)
    assert {name: data for name, data in kept.items() if not name.startswith("blocks/")} == before


@pytest.mark.parametrize("method", ["contrast", "paper"])
def test_methods_that_train_are_refused_in_blocks(method: Any, small: Run, tmp_path: Path) -> None:
    run = copied(small, tmp_path)
    with pytest.raises(RunError, match=f"the method {method} trains on the splat in one piece, and 3 blocks .* lift"):
        segment_run(run, method=method, blocks=BlocksRequest("3"))


@pytest.mark.parametrize("blocks", ["0", "-1", "two", "1.5", ""])
def test_a_number_of_blocks_that_is_none_is_told(blocks: str, small: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"^the blocks are '{blocks}'; give a number from 1 to 999,999,999, or auto$"):
        segment_run(copied(small, tmp_path), blocks=BlocksRequest(blocks))


def test_workers_without_blocks_are_refused(small: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"workers share the views of a splat .* in blocks; add --blocks"):
        segment_run(copied(small, tmp_path), blocks=BlocksRequest(workers=2))
    for given in (BlocksRequest(memory=2.0), BlocksRequest(scheduler="tcp://x:1"), BlocksRequest("1", workers=1)):
        assert given.engine is not None


@pytest.mark.slow
def test_auto_takes_one_piece_where_it_fits_and_says_so(
    small: Run, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, reporter = copied(small, tmp_path), Listening()
    segment_run(run, granularity=0.3, reporter=reporter, blocks=BlocksRequest("auto"))
    assert open_run(run.path).settings.blocks == 1 and reporter.said[0].endswith(": in one piece")
    monkeypatch.setattr(choose, "machine_memory", lambda: 1 << 20)
    monkeypatch.setattr(choose, "ROWS", (500, 1000))
    segment_run(open_run(run.path), granularity=0.3, reporter=reporter, blocks=BlocksRequest("auto"))
    blocks = open_run(run.path).settings.blocks
    assert blocks > 1 and reporter.said[-2 if "mostly" in reporter.said[-1] else -1].endswith(f": in {blocks} blocks")
    assert_same(run, whole)


def test_more_memory_is_never_more_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, number = (50_000_000, 15, 200), []
    for gigabytes in (1, 2, 4, 8, 16, 64, 1000):
        monkeypatch.setattr(choose, "machine_memory", lambda held=gigabytes: held << 30)
        number.append(choose_blocks(BlocksRequest("auto"), 1, *sizes)[0])
    assert number == sorted(number, reverse=True) and number[0] > 2 and number[-1] == 1
    assert choose_blocks(BlocksRequest("8"), 1, *sizes) == (8, "") and choose_blocks(BlocksRequest(), 5, *sizes)[0] == 5
    assert choose_blocks(BlocksRequest("8"), 1, 3, 0, 2)[0] == 3, "no block is empty"
    # Measured: 3.1 GB and 12.4 GB (benchmarks/RESULTS.md, `lift` at scale).
    assert 2.5e9 < memory_in_one_piece(1_000_000, 0, 200) < 3.5e9
    assert 11e9 < memory_in_one_piece(5_000_000, 0, 200) < 14e9


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_two_workers_give_the_same_bytes_even_if_one_is_killed(
    killed: bool, small: Run, whole: Run, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    run = copied(small, tmp_path)
    struck: list[int] = []

    def strike() -> None:
        while not struck:
            done = len(list(run.blocks_path.glob("views/*.safetensors")))
            workers = [int(line) for line in children_of(os.getpid())]
            if done >= 3 and workers:
                struck.append(max(workers))
                os.kill(struck[0], signal.SIGKILL)
            time.sleep(0.02)

    if killed:
        threading.Thread(target=strike, daemon=True).start()
    segment_run(run, granularity=0.3, blocks=BlocksRequest("3", workers=2))
    assert bool(struck) == killed
    struck.append(0)
    assert_same(run, whole)


def children_of(process: int) -> list[str]:
    """Numbers of the processes that a worker of Dask runs in, below a process."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            with_name = Path(f"/proc/{child}/cmdline").read_bytes()
            found += children_of(int(child))
            if b"spawn_main" in with_name or b"forkserver" in with_name:
                found.append(child)
    return found


def test_nothing_stays_open_in_this_process(small: Run, tmp_path: Path) -> None:
    segment_run(copied(small, tmp_path), blocks=2)
    assert not work.OPENED.is_open and not pieces.OPENED.is_open and take.DOUBTFUL < 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_ends_while_results_are_moved_goes_on_in_one_piece_to_the_same_bytes_and_leaves_nothing(
    error: BaseException, small: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [Run(shutil.copytree(small.path, tmp_path / name), small.settings) for name in ("whole", "broken")]
    segment_run(runs[0], granularity=0.3)
    replace = Path.replace

    def failing(path: Path, target: Path) -> Path:
        if Path(target) == runs[1].path / "masks" / "005.png":
            raise error
        return replace(path, target)

    with monkeypatch.context() as patched, pytest.raises(type(error)):
        patched.setattr(Path, "replace", failing)
        segment_run(runs[1], granularity=0.3, blocks=3)
    assert runs[1].begun_path.exists() and runs[1].blocks_path.exists()
    segment_run(open_run(runs[1].path), granularity=0.3, blocks=1)
    for name in ("splats.ply", "segments.json", "hierarchy.safetensors", "masks/005.png"):
        assert (runs[0].path / name).read_bytes() == (runs[1].path / name).read_bytes(), name
    assert not runs[1].begun_path.exists() and not runs[1].blocks_path.exists()
