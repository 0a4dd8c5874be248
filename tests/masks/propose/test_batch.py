"""A folder of masks: made, interrupted, gone on with, shared between processes, and read again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from capture_files import colmap_capture
from function_proposer import FunctionProposer

from splatseg.capture.capture import load_capture
from splatseg.capture.view import View
from splatseg.engine.shard import ALL, Shard
from splatseg.errors import MaskError
from splatseg.masks.propose.batch import Proposed, begin_folder, mask_path, propose_views
from splatseg.masks.propose.mask_file import count_masks
from splatseg.masks.propose.record import recorded_counts
from splatseg.masks.store import open_masks

FACTS = {"generator": "halves", "settings": {"a": 1}}
NAMES = ["a.jpg", "b.jpg", "left/c.d.jpg", "left/e.jpg", "f.jpg"]


def halves(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole, its left half, nearly the same again, and nothing."""
    masks = np.zeros((4, *image.shape[:2]), bool)
    masks[0] = True
    masks[1:3, :, : image.shape[1] // 2] = True
    masks[2, 0, 0] = False
    return masks, np.array([0.5, 0.9, 0.8, 0.7])


@pytest.fixture
def views(tmp_path: Path) -> tuple[View, ...]:
    return load_capture(colmap_capture(tmp_path / "capture", NAMES)).views


def make(folder: Path, views: tuple[View, ...], propose: Any = halves, **options: Any) -> Proposed:
    begin_folder(folder, views, FACTS, shard=options.get("shard", ALL))
    return propose_views(views, folder, FunctionProposer(propose, FACTS), FACTS, **options)


def test_masks_are_read_back_with_levels_and_scores_and_without_duplicates(
    tmp_path: Path, views: tuple[View, ...]
) -> None:
    steps = []
    made = make(tmp_path / "masks", views, on_view=lambda done, total, masks: steps.append((done, total, masks)))
    assert made.counts == dict.fromkeys(sorted(NAMES), 2) and made.empty == ()
    assert steps == [(i, 5, 2) for i in range(1, 6)]
    masks = open_masks(tmp_path / "masks", views)
    assert masks.names == tuple(view.name for view in views)
    for view in views:
        segments = masks.read(view)
        assert segments is not None and segments.count == 2 and len(segments.layers) == 2
        np.testing.assert_allclose(segments.scores, [0.9, 0.5])
        assert segments.mask(2).all() and segments.areas().tolist() == [32 * 24 // 2, 32 * 24]
    record = json.loads((tmp_path / "masks" / "masks.json").read_text())
    assert record["generator"] == "halves" and record["views"] == made.counts


def test_a_view_without_masks_is_finished_and_read_as_empty(tmp_path: Path, views: tuple[View, ...]) -> None:
    made = make(tmp_path / "masks", views, lambda image: (np.zeros((0, *image.shape[:2]), bool), np.zeros(0)))
    assert made.empty == tuple(sorted(NAMES))
    segments = open_masks(tmp_path / "masks", views).read(views[0])
    assert segments is not None and segments.count == 0 and segments.width == 32


def test_what_is_there_is_not_made_again_and_a_crash_leaves_whole_files(
    tmp_path: Path, views: tuple[View, ...]
) -> None:
    folder = tmp_path / "masks"

    def failing(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(list(folder.rglob("*.json"))) > 3:  # the record and three views
            raise KeyboardInterrupt
        return halves(image)

    with pytest.raises(KeyboardInterrupt):
        make(folder, views, failing)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json") if path.name != "masks.json"}
    assert len(before) == 3 and len(json.loads((folder / "masks.json").read_text())["views"]) == 3
    assert not [path for path in folder.rglob("*") if path.suffix == ".part"]
    made = make(folder, views)
    assert len(made.fresh) == 2 and len(made.counts) == 5
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())


def test_a_killed_process_leaves_no_half_file(tmp_path: Path, views: tuple[View, ...]) -> None:
    code = f"""
import sys, time, numpy as np
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from splatseg.capture.capture import load_capture
from function_proposer import FunctionProposer
from splatseg.masks.propose.batch import begin_folder, propose_views
from pathlib import Path
def slow(image):
    time.sleep(0.05)
    return np.random.default_rng(0).random((60, 24, 32)) < 0.5, np.ones(60)
views = load_capture({str(tmp_path / "capture")!r}).views
folder = Path({str(tmp_path / "masks")!r})
begin_folder(folder, views, {FACTS!r})
propose_views(views, folder, FunctionProposer(slow, {FACTS!r}), {FACTS!r})
"""
    process = subprocess.Popen([sys.executable, "-P", "-c", code])
    while not list((tmp_path / "masks").glob("[a-f].json")) and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    written = [path for path in (tmp_path / "masks").rglob("*.json") if path.name != "masks.json"]
    assert written and all(len(json.loads(path.read_text())["annotations"]) == 60 for path in written)
    assert len(make(tmp_path / "masks", views).counts) == 5


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_shards_share_the_views_and_the_last_one_knows_all(tmp_path: Path, views: tuple[View, ...], n: int) -> None:
    fresh: list[str] = []
    for i in range(1, n + 1):
        made = make(tmp_path / "masks", views, shard=Shard(i - 1, n))
        assert set(made.fresh) == set(made.counts)
        fresh.extend(made.fresh)
    assert sorted(fresh) == sorted(NAMES)
    assert set(json.loads((tmp_path / "masks" / "masks.json").read_text())["views"]) == set(NAMES)


def test_other_settings_other_files_and_files_in_the_way_are_told(tmp_path: Path, views: tuple[View, ...]) -> None:
    folder = tmp_path / "masks"
    make(folder, views)
    begin_folder(folder, views, FACTS)
    with pytest.raises(
        MaskError, match=r"were made otherwise \(a was 1 and is now 2\); use the same settings to go on"
    ):
        begin_folder(folder, views, FACTS | {"settings": {"a": 2}})
    with pytest.raises(MaskError, match=r"otherwise \(generator was halves and is now other\)"):
        begin_folder(folder, views, FACTS | {"generator": "/path/to/other"})
    with pytest.raises(MaskError, match="--overwrite would remove masks of the other shards"):
        begin_folder(folder, views, FACTS, overwrite=True, shard=Shard(0, 2))
    begin_folder(folder, views, FACTS | {"settings": {"a": 2}}, overwrite=True)
    assert not any(mask_path(folder, view).exists() for view in views)
    with pytest.raises(MaskError, match=r"holds other files and no masks\.json"):
        begin_folder(tmp_path / "capture", views, FACTS)
    (tmp_path / "file").write_text("x")
    with pytest.raises(MaskError, match="is a file; give a folder for the masks"):
        begin_folder(tmp_path / "file", views, FACTS)
    (folder / "masks.json").write_text("[1]")
    with pytest.raises(MaskError, match=r"masks\.json cannot be read \(it is a list of 1; an object"):
        begin_folder(folder, views, FACTS)


def test_a_model_may_lie_elsewhere_when_masks_are_gone_on_with(tmp_path: Path, views: tuple[View, ...]) -> None:
    begin_folder(tmp_path / "masks", views, FACTS | {"generator": "/here/sam-large"})
    begin_folder(tmp_path / "masks", views, FACTS | {"generator": "there/sam-large"})


def test_a_view_named_as_the_record_is_refused(tmp_path: Path) -> None:
    views = load_capture(colmap_capture(tmp_path / "capture", ["masks.jpg", "a.jpg"])).views
    with pytest.raises(MaskError, match=r"a view is named like masks\.json"):
        begin_folder(tmp_path / "masks", views, FACTS)


def test_several_views_at_once_give_the_same_files_as_one_after_the_other(
    tmp_path: Path, views: tuple[View, ...]
) -> None:
    for name, at_once in (("one", 1), ("three", 3)):
        begin_folder(tmp_path / name, views, FACTS)
        made = propose_views(views, tmp_path / name, FunctionProposer(halves, FACTS, at_once), FACTS)
        assert sorted(made.fresh) == sorted(NAMES)
    for view in views:
        assert mask_path(tmp_path / "one", view).read_bytes() == mask_path(tmp_path / "three", view).read_bytes()


def test_an_error_in_one_of_several_views_is_raised_and_what_is_finished_stays(
    tmp_path: Path, views: tuple[View, ...]
) -> None:
    seen: list[int] = []

    def breaks(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(1)
        if len(seen) == 3:
            raise MaskError("broken")
        return halves(image)

    begin_folder(tmp_path / "masks", views, FACTS)
    with pytest.raises(MaskError, match="broken"):
        propose_views(views, tmp_path / "masks", FunctionProposer(breaks, FACTS, 2), FACTS)
    made = propose_views(views, tmp_path / "masks", FunctionProposer(halves, FACTS, 2), FACTS)
    assert len(made.counts) == len(NAMES) and len(made.fresh) < len(NAMES)


def test_a_file_in_the_folder_that_holds_no_masks_is_told(tmp_path: Path) -> None:
    for content in ("{broken", "[]", "{}"):
        (tmp_path / "001.json").write_text(content)
        with pytest.raises(MaskError, match=r"001\.json holds no masks .*remove it"):
            count_masks(tmp_path / "001.json")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"views": [1]}', '{"views": {"000.jpg": 1e999}}', '{"views": {"000.jpg": true}}', "{", "5"]
)
def test_a_record_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "masks.json").write_text(text)
    with pytest.raises(MaskError, match=r"masks\.json cannot be read \(.*--overwrite"):
        recorded_counts(tmp_path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"annotations": 5}', "{}", "[]", ""])
def test_a_file_that_holds_no_masks_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "000.json").write_text(text)
    with pytest.raises(MaskError, match=r"000\.json holds no masks \(.*it is made again"):
        count_masks(tmp_path / "000.json")
