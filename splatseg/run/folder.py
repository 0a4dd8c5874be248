"""A run: a folder that explains itself.

    config.yaml      every setting, enough to repeat the run      segments.json   id, name, colour, count, box, parent
    metrics.jsonl    one line a report of progress                masks/          16-bit label maps, one PNG a view
    splats.ply       the splat, its features and segment ids      report.html     what a person looks at
    checkpoint/      what resuming needs, while it is needed      evaluation.json what `splatseg evaluate` found
    earlier_segments.safetensors  ids, names and colours of earlier segmentations, so that they stay
    votes.safetensors  what every mask sees of every Gaussian, which selections ask
    hierarchy.safetensors  parts, wholes and groups: what another granularity is cut from
    words.safetensors  what segments look like in the language of an encoder, which words are compared with
    workspaces.safetensors what was selected and hidden when the viewer was left
    unsaved_segments.safetensors  edits of the viewer that splats.ply does not have yet; there only while it runs
    proposals/       masks proposed from the photographs (`--masks auto`), a file a training view

Every file is written aside and renamed into place, so a run is never left with half a file.
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
from splatseg.masks.store import MaskStore, open_masks
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
"""What a run may hold. `--overwrite` removes these and nothing else."""


@dataclass(frozen=True, eq=False)
class Run:
    """An open run folder. Use `create_run` or `open_run`.

    Example:
        >>> run = splatseg.open(run.path).run
        >>> run.splats_path.name, len(run.capture.views)
        ('splats.ply', 64)
    """

    path: Path
    settings: RunSettings

    @cached_property
    def capture(self) -> Capture:
        """The capture the run was made from, read anew. Raises CaptureError if it is gone or damaged."""
        return self.settings.capture.load()

    def splats(self) -> Splats:
        """The splat with what it carries. Raises RunError if the fit has not finished."""
        if not self.splats_path.exists():
            raise RunError(
                f"{self.path} has no splats.ply yet: its training did not finish; "
                f"repeat its `splatseg train` command with --resume"
            )
        return load_splats(self.splats_path)[0]

    def masks(self, folder: Path | None = None) -> MaskStore:
        """The input masks, from `folder` or from where the run has them. Raises RunError if the run has none."""
        own = self.proposals_path if self.settings.masks == AUTO_MASKS else self.settings.masks
        chosen = folder or (Path(own) if own else None)
        if chosen is None:
            raise RunError(f"{self.path} was made without masks; name their folder with --masks DIR, or --masks auto")
        return open_masks(chosen, self.capture.views)

    def views(self, split: str) -> tuple[View, ...]:
        """The views of a split: train, test or all. Raises PromptError if it is empty."""
        views = self.capture.split(split)
        if not views:
            raise PromptError(f"the capture of {self.path} has no views in the split {split!r}; use --split all")
        return views

    def agreement(self, splats: Splats | None = None) -> Agreement | None:
        """What the masks of all views say of sets of Gaussians; None if the run was made without votes (`paper`).

        Raises RunError if the file of votes is damaged or of another splat.
        """
        if not self.votes_path.exists():
            return None
        agreement = Agreement(read_votes(self.votes_path))
        self._check_count(self.votes_path, agreement.gaussians, splats)
        return agreement

    def hierarchy(self, splats: Splats | None = None) -> Hierarchy | None:
        """The hierarchy that the segments are a cut of; None if the run has no segments, or is older than hierarchies.

        Raises RunError if its file is damaged or of another splat.
        """
        if not self.hierarchy_path.exists():
            return None
        hierarchy = read_hierarchy(self.hierarchy_path)
        self._check_count(self.hierarchy_path, len(hierarchy.atoms), splats)
        return hierarchy

    def _check_count(self, path: Path, found: int, splats: Splats | None) -> None:
        # Who has the splat already gives it: reading it anew would cost more than what is asked for.
        count = len(splats if splats is not None else self.splats())
        if found != count:
            raise RunError(
                f"{path} is of {found:,} Gaussians, the splat has {count:,}; run `splatseg segment {self.path}` again"
            )

    def segment_colors(self) -> dict[int, Color]:
        """The colours of the run's segments by id, for pictures of them; empty if the run has no table of them."""
        if not self.segments_path.exists():
            return {}
        return {segment.id: segment.color for segment in read_segments(self.segments_path)}

    def __repr__(self) -> str:
        """One line."""
        state = "segmented" if self.segments_path.exists() else "fitted" if self.splats_path.exists() else "not fitted"
        return f"<Run {str(self.path)!r}: {self.settings.method}, {state}>"

    def _repr_html_(self) -> str:
        """A picture of the splat and a few figures, for notebooks."""
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
        """Add a line to metrics.jsonl."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(to_plain(facts)) + "\n")

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds that the block took to metrics.jsonl, unless it raises."""
        began = time.monotonic()
        yield
        self.record(timing=name, seconds=round(time.monotonic() - began, 3))

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of metrics.jsonl; a last line cut short by a crash is left out."""
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
        """Where the splat is or will be."""
        return self.path / "splats.ply"

    @property
    def votes_path(self) -> Path:
        """Where the votes of the masks are, if features came from them."""
        return self.path / "votes.safetensors"

    @property
    def hierarchy_path(self) -> Path:
        """Where the hierarchy of segments is."""
        return self.path / "hierarchy.safetensors"

    @property
    def words_path(self) -> Path:
        """Where the vectors of segments and words are, if the run was described."""
        return self.path / "words.safetensors"

    @property
    def segments_path(self) -> Path:
        """Where the table of segments is or will be."""
        return self.path / "segments.json"

    @property
    def earlier_path(self) -> Path:
        """Where segmentations before the present one are, if there were any."""
        return self.path / "earlier_segments.safetensors"

    @property
    def unsaved_path(self) -> Path:
        """Where edits of segments are until the splat is written anew."""
        return self.path / "unsaved_segments.safetensors"

    @property
    def workspaces_path(self) -> Path:
        """Where the viewer keeps what was selected and hidden."""
        return self.path / "workspaces.safetensors"

    @property
    def proposals_path(self) -> Path:
        """Where masks proposed from the photographs are, if the run was made with `--masks auto`."""
        return self.path / "proposals"

    @property
    def checkpoint_path(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoint"

    @property
    def report_path(self) -> Path:
        """The page a person looks at."""
        return self.path / "report.html"

    @property
    def evaluation_path(self) -> Path:
        """What `splatseg evaluate` wrote."""
        return self.path / "evaluation.json"


def create_run(path: Path, settings: RunSettings, resume: bool = False, overwrite: bool = False) -> Run:
    """Make a run folder, or with `resume` open the one that is there if it has the same settings.

    Raises RunError if the folder exists and neither is asked for, if it is not a run (nothing is ever deleted from a
    folder that splatseg did not make), or if the settings to resume with differ.
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
    """Open a run that was made before. Raises RunError if there is none at `path` or its settings cannot be read."""
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"there is no run at {path}; make one with `splatseg train CAPTURE -o {path}`")
    return Run(path, read_settings(path / "config.yaml", RunSettings))


def save_settings(run: Run, settings: RunSettings) -> Run:
    """The run with its settings exchanged, on disk too."""
    write_settings(run.path / "config.yaml", settings)
    return Run(run.path, settings)


def _resumed(path: Path, settings: RunSettings) -> Run:
    run = open_run(path)
    old, new = to_plain(run.settings), to_plain(settings)
    differing = [name for name in _differences(old, new) if name != "version"]
    if differing:
        raise RunError(
            f"{path} was started with other settings ({', '.join(differing)}); "
            f"resume with the same ones, or use --overwrite to start anew"
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
