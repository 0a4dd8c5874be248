"""Jobs that work on many pictures give the same bits on any number of threads, in order, and tell errors as on one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from small_runs import contents, segmented

import splatseg
from splatseg.errors import CaptureError
from splatseg.jobs.render import render_run
from splatseg.jobs.segment import write_label_maps
from splatseg.masks.flatten import flatten_masks
from splatseg.render.shown import Shown
from splatseg.report.measure import measure_run
from splatseg.report.pictures import pictured_views
from splatseg.run.reporter import Advance, NullReporter

SetThreads = Callable[[int], None]
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> splatseg.Run:
    return segmented(tmp_path_factory.mktemp("threads"))


def same_on_all_threads(
    make: Callable[[Path], object], folder: Path, set_threads: SetThreads, numbers: tuple[int, ...] = (1, 2, 3)
) -> Files:
    """Return the files that `make` writes into a folder; they must be the same for all numbers of threads."""
    found: list[Files] = []
    for threads in numbers:
        place = folder / str(threads)
        place.mkdir()
        set_threads(threads)
        make(place)
        found.append(contents(place))
    assert found[0] and all(other.keys() == found[0].keys() for other in found)
    assert [name for name, content in found[0].items() if {content} != {other[name] for other in found}] == []
    return found[0]


@pytest.mark.parametrize("what", ["rgb", "features", "segments", "overlay", "masks", "depth"])
def test_rendered_pictures(run: splatseg.Run, tmp_path: Path, set_threads: SetThreads, what: Shown) -> None:
    made = same_on_all_threads(lambda place: render_run(run, what, "test", place / "out"), tmp_path, set_threads)
    assert len(made) >= len(run.views("test"))


@pytest.mark.parametrize(
    "name, what", [("a.mp4", "segments"), ("a.mp4", "overlay"), ("a.gif", "rgb"), ("film", "depth"), ("a.webp", "rgb")]
)
def test_films(run: splatseg.Run, tmp_path: Path, set_threads: SetThreads, name: str, what: Shown) -> None:
    film = splatseg.Film("orbit", seconds=2.0, fps=30, size=(64, 48), codec="av1")
    same_on_all_threads(lambda place: splatseg.render_film(run, what, film, place / name), tmp_path, set_threads)


def test_label_maps_of_a_run(run: splatseg.Run, tmp_path: Path, set_threads: SetThreads) -> None:
    splats = run.splats()

    def make(place: Path) -> None:
        write_label_maps(run, splatseg.Run(place, run.settings), splats, NullReporter())

    made = same_on_all_threads(make, tmp_path, set_threads)
    assert len([name for name in made if name.startswith("masks/")]) == len(run.capture.views)


def test_proposals(tmp_path: Path, set_threads: SetThreads) -> None:
    request = splatseg.MasksRequest(downscale=4, shard="1/12")
    same_on_all_threads(
        lambda place: splatseg.propose_for_capture(splatseg.demo_capture(), place / "masks", request),
        tmp_path,
        set_threads,
    )


def test_masks_for_other_programs(tmp_path: Path, set_threads: SetThreads) -> None:
    masks = splatseg.demo_capture() / "masks"
    told: list[int] = []

    def make(place: Path) -> None:
        flatten_masks(masks, place, "cgc", lambda done, total: told.append(done))

    made = same_on_all_threads(make, tmp_path, set_threads)
    assert told == 3 * list(range(1, len(made) + 1))


def test_an_evaluation(run: splatseg.Run, tmp_path: Path, set_threads: SetThreads) -> None:
    def make(place: Path) -> None:
        splatseg.evaluate_run(run, splatseg.demo_capture() / "gt" / "instance")
        shutil.copy(run.path / "evaluation.json", place)

    same_on_all_threads(make, tmp_path, set_threads, (1, 3))


class Steps(NullReporter):
    """Records how far each stage came, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[str, int]] = []

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        yield lambda done, **facts: self.steps.append((name, done))


def test_measurements_and_pictures_of_a_report(run: splatseg.Run, set_threads: SetThreads) -> None:
    splats, found = run.splats(), []
    for threads in (1, 3):
        set_threads(threads)
        reporter = Steps()
        measured = measure_run(run, splats, reporter)
        assert reporter.steps == [("measuring", step + 1) for step in range(len(run.capture.views))]
        shown = list(pictured_views(run, splats, measured, {run.capture.split("train")[3].name: "poor masks"}))
        found.append((measured, shown))
    for measured, shown in found[1:]:
        assert measured == found[0][0]
        assert [view.name for view in shown] == [view.name for view in found[0][1]]
        for view, alone in zip(shown, found[0][1], strict=True):
            assert view.labels is not None and np.array_equal(view.labels, alone.labels)
            for layer, picture in alone.pictures().items():
                assert np.array_equal(picture, view.pictures()[layer]), layer


@pytest.mark.parametrize("threads", [1, 2])
def test_a_damaged_photograph_is_named_and_masks_made_before_stay(
    tmp_path: Path, set_threads: SetThreads, threads: int
) -> None:
    set_threads(threads)
    capture = tmp_path / "capture"
    shutil.copytree(splatseg.demo_capture(), capture)
    damaged = capture / "images" / "036.jpg"
    damaged.write_bytes(damaged.read_bytes()[:600])
    with pytest.raises(CaptureError, match=r"036\.jpg cannot be read"):
        splatseg.propose_for_capture(capture, tmp_path / "masks", splatseg.MasksRequest(downscale=4, shard="1/12"))
    made = {path.name for path in (tmp_path / "masks").glob("0*.json")}
    assert {"000.json", "012.json", "024.json"} <= made and "036.json" not in made
