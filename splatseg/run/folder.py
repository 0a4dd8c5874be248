"""A run: a folder that explains itself.

    config.yaml      every setting, enough to repeat the run      segments.json   id, name, colour, count, box, parent
    metrics.jsonl    progress, timings and warnings, one a line   masks/          16-bit label maps, one PNG per view
    splats.ply       the splat, its features and segment ids      report.html     the page to look at
    checkpoint/      the state of an unfinished fit               evaluation.json the results of `splatseg evaluate`
    earlier_segments.safetensors  earlier segmentations, so that ids, names and colours of segments stay
    votes.safetensors             blending weights between Gaussians and masks, used by selections
    hierarchy.safetensors         parts, wholes and groups, from which every granularity is cut
    words.safetensors             embeddings of the segments, compared with the words of a query
    workspaces.safetensors        selections and hidden Gaussians of the viewer's pages
    unsaved_segments.safetensors  edits of segments that splats.ply lacks; present only while they are being saved
    proposals/                    masks proposed from the photographs (`--masks auto`), one file per training view

Every file is written under another name and renamed into place, so a run never holds half a file.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splatseg.capture.capture import Capture, View
from splatseg.cards import card
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.cluster.hierarchy_file import read_hierarchy
from splatseg.errors import CaptureError, PromptError, RunError
from splatseg.formats.read import load_splats
from splatseg.masks.sources import MaskSources, open_sources
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.run.settings import AUTO_MASKS, RunSettings
from splatseg.run.settings_file import read_settings, to_plain, write_settings
from splatseg.segments.palette import Color
from splatseg.segments.segments_json import read_segments
from splatseg.splats.preview import preview
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.file import read_votes

FILES = (
    *("config.yaml", "metrics.jsonl", "splats.ply", "votes.safetensors", "hierarchy.safetensors", "words.safetensors"),
    *("segments.json", "earlier_segments.safetensors", "report.html", "evaluation.json"),
    *("workspaces.safetensors", "unsaved_segments.safetensors"),
)
FOLDERS = ("checkpoint", "masks", "proposals")
"""Files and folders of a run. `--overwrite` removes these and nothing else."""


@dataclass(frozen=True, eq=False)
class Run:
    """An open run folder. Use `create_run` or `open_run`.

    Example:
        >>> run = splatseg.open(run.path).run
        >>> run.splats_path.name, len(run.capture.views)
        ('splats.ply', 64)
    """

    path: Path
    """The run folder."""
    settings: RunSettings
    """The settings in its config.yaml."""

    @cached_property
    def capture(self) -> Capture:
        """The capture that the run was made from, read on first use. Raises CaptureError if missing or damaged."""
        return self.settings.capture.load()

    def splats(self) -> Splats:
        """Read the splat with its features and segment ids. Raises RunError if the fit has not finished."""
        if not self.splats_path.exists():
            raise RunError(
                f"{self.path} has no splats.ply yet: its training did not finish; "
                f"repeat its `splatseg train` command with --resume"
            )
        return load_splats(self.splats_path)[0]

    def masks(self) -> MaskSources:
        """Open the input masks. Raises RunError if the run has none, MaskError if their folders have changed."""
        if not self.settings.masks:
            raise RunError(f"{self.path} was made without masks; name their folder with --masks DIR, or --masks auto")
        folders = [
            (self.proposals_path if folder.path == AUTO_MASKS else folder.path, folder.weight)
            for folder in self.settings.masks
        ]
        return open_sources(folders, self.capture.views, self.settings.true_masks)

    def views(self, split: str) -> tuple[View, ...]:
        """Return the views of a split: train, test or all. Raises PromptError if it is empty."""
        views = self.capture.split(split)
        if not views:
            raise PromptError(f"the capture of {self.path} has no views in the split {split!r}; use --split all")
        return views

    def agreement(self, splats: Splats | None = None) -> Agreement | None:
        """Return how the masks of all views agree with sets of Gaussians; None for a run without votes (`paper`).

        splats: the run's splat if it is already loaded; it is read otherwise.

        Raises RunError if the file of votes is damaged or belongs to another splat.
        """
        if not self.votes_path.exists():
            return None
        agreement = Agreement(read_votes(self.votes_path))
        self._check_count(self.votes_path, agreement.gaussians, splats)
        return agreement

    def hierarchy(self, splats: Splats | None = None) -> Hierarchy | None:
        """Return the hierarchy whose cut the segments are; None if the run has no segments or predates hierarchies.

        splats: as for `agreement`.

        Raises RunError if its file is damaged or belongs to another splat.
        """
        if not self.hierarchy_path.exists():
            return None
        hierarchy = read_hierarchy(self.hierarchy_path)
        self._check_count(self.hierarchy_path, len(hierarchy.atoms), splats)
        return hierarchy

    def _check_count(self, path: Path, found: int, splats: Splats | None) -> None:
        # Callers pass a splat that is already loaded: reading it again would take longer than reading `path`.
        count = len(splats if splats is not None else self.splats())
        if found != count:
            raise RunError(
                f"{path} is of {found:,} Gaussians, the splat has {count:,}; run `splatseg segment {self.path}` again"
            )

    def segment_colors(self) -> dict[int, Color]:
        """Return the colours of the segments by id; empty if the run has no table of segments."""
        if not self.segments_path.exists():
            return {}
        return {segment.id: segment.color for segment in read_segments(self.segments_path)}

    def __repr__(self) -> str:
        """Return one line: folder, method, state."""
        state = "segmented" if self.segments_path.exists() else "fitted" if self.splats_path.exists() else "not fitted"
        return f"<Run {str(self.path)!r}: {self.settings.method}, {state}>"

    def _repr_html_(self) -> str:
        """Return a card for notebooks: a picture of the splat and a few figures."""
        figures = {"folder": str(self.path), "capture": self.settings.capture.path, "method": self.settings.method}
        picture = None
        if self.splats_path.exists():
            splats = self.splats()
            figures["Gaussians"] = f"{len(splats):,}"
            picture = self._picture(splats)
        if self.segments_path.exists():
            figures["segments"] = str(len(read_segments(self.segments_path)))
        return card(self.path.name, figures, picture)

    def _picture(self, splats: Splats) -> np.ndarray:
        """(H,W,3) uint8: the middle view of the capture, or the splat from outside if the capture is gone."""
        try:
            views = self.capture.views
        except CaptureError:
            return preview(*splats.geometry, splats.sh0)
        with torch.no_grad():
            return to_uint8(render_rgb(splats, views[len(views) // 2].camera, self.settings.train.background))

    def owns(self, path: Path) -> bool:
        """Tell whether a file is a part of the run, which nothing else may replace."""
        place, folder = Path(path).resolve(), self.path.resolve()
        return place in {folder / name for name in FILES} or any(folder / name in place.parents for name in FOLDERS)

    def record(self, **facts: Any) -> None:
        """Append the facts as a line to metrics.jsonl."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(to_plain(facts)) + "\n")

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Append the seconds that the block takes to metrics.jsonl, unless it raises."""
        began = time.monotonic()
        yield
        self.record(timing=name, seconds=round(time.monotonic() - began, 3))

    def metrics(self) -> list[dict[str, Any]]:
        """Return all lines of metrics.jsonl; a line cut short by a crash is left out."""
        path = self.path / "metrics.jsonl"
        rows = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return rows

    @property
    def splats_path(self) -> Path:
        """File of the splat."""
        return self.path / "splats.ply"

    @property
    def votes_path(self) -> Path:
        """File of the votes of the masks; missing if the features came without votes (`paper`)."""
        return self.path / "votes.safetensors"

    @property
    def hierarchy_path(self) -> Path:
        """File of the hierarchy of segments."""
        return self.path / "hierarchy.safetensors"

    @property
    def words_path(self) -> Path:
        """File of the embeddings of segments and words, written by `splatseg words`."""
        return self.path / "words.safetensors"

    @property
    def segments_path(self) -> Path:
        """File of the table of segments."""
        return self.path / "segments.json"

    @property
    def earlier_path(self) -> Path:
        """File of the segmentations before the present one."""
        return self.path / "earlier_segments.safetensors"

    @property
    def unsaved_path(self) -> Path:
        """File of edits of the segments until the splat is written again."""
        return self.path / "unsaved_segments.safetensors"

    @property
    def workspaces_path(self) -> Path:
        """File of the selections and hidden Gaussians of the viewer's pages."""
        return self.path / "workspaces.safetensors"

    @property
    def proposals_path(self) -> Path:
        """Folder of the masks proposed from the photographs (`--masks auto`)."""
        return self.path / "proposals"

    @property
    def checkpoint_path(self) -> Path:
        """Folder of checkpoints of the fit."""
        return self.path / "checkpoint"

    @property
    def report_path(self) -> Path:
        """File of the report, a page for the browser."""
        return self.path / "report.html"

    @property
    def evaluation_path(self) -> Path:
        """File of the results of `splatseg evaluate`."""
        return self.path / "evaluation.json"


def create_run(path: Path, settings: RunSettings, resume: bool = False, overwrite: bool = False) -> Run:
    """Make a run folder; with `resume`, open an existing one that has the same settings.

    overwrite: remove the files of an existing run first. Nothing is ever deleted from a folder that is not a run.

    Raises RunError if the folder holds a run and neither `resume` nor `overwrite` is given, if it holds anything else,
    or if the settings to resume with differ.
    """
    path = Path(path)
    if resume and (path / "config.yaml").exists():
        return _resumed(path, settings)
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file, not a folder; name another place with -o")
    if path.is_dir() and any(path.iterdir()):
        _make_room(path, overwrite)
    path.mkdir(parents=True, exist_ok=True)
    write_settings(path / "config.yaml", settings)
    return Run(path, settings)


def open_run(path: Path) -> Run:
    """Open an existing run. Raises RunError if there is none at `path` or its settings cannot be read."""
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"there is no run at {path}; make one with `splatseg train CAPTURE -o {path}`")
    return Run(path, read_settings(path / "config.yaml", RunSettings))


def save_settings(run: Run, settings: RunSettings) -> Run:
    """Write new settings into the run's config.yaml and return the run with them."""
    write_settings(run.path / "config.yaml", settings)
    return Run(run.path, settings)


def _resumed(path: Path, settings: RunSettings) -> Run:
    run = open_run(path)
    old, new = to_plain(run.settings), to_plain(settings)
    differing = [name for name in _differences(old, new) if name != "version"]
    if differing:
        raise RunError(
            f"{path} was started with other settings ({', '.join(differing)}); "
            f"resume with the same ones, or use --overwrite to start over"
        )
    return run


def _differences(old: Any, new: Any, name: str = "") -> Iterable[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(set(old) | set(new)):
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif old != new:
        yield name


def _make_room(path: Path, overwrite: bool) -> None:
    is_run = (path / "config.yaml").exists()
    if not is_run:
        raise RunError(f"{path} exists, is not empty, and is not a run; name an empty or new folder with -o")
    if not overwrite:
        raise RunError(f"{path} already holds a run; use --resume to continue it or --overwrite to replace it")
    for name in FILES:
        (path / name).unlink(missing_ok=True)
    for name in FOLDERS:
        shutil.rmtree(path / name, ignore_errors=True)
