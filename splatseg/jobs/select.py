"""Prompts in the views of a run become masks in all views, the object as a splat, and the rest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from splatseg.capture.capture import View, load_cameras
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError, RunError
from splatseg.files import write_json
from splatseg.formats.objects import export_object, export_rest
from splatseg.jobs.request import Request
from splatseg.jobs.words import Words, open_language
from splatseg.render.label_maps import selection_coverage, write_mask
from splatseg.render.supersampling import SUPERSAMPLE
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter, Reporter, track
from splatseg.run.settings import checked_granularity
from splatseg.select.along_hierarchy import grown, shrunk
from splatseg.select.prompts import Knowledge, select_by_prompts
from splatseg.select.selection import Selection
from splatseg.splats.splats import Splats


def select_in_run(
    run: Run,
    request: Request,
    output: Path,
    cameras: Path | None = None,
    antialias: bool = False,
    words: Words | None = None,
    reporter: Reporter | None = None,
) -> str:
    """Select and write `output`/masks/<view>.png, object.ply, rest.ply and selection.json; return a summary.

    cameras: masks for these (see `capture.load_cameras`) instead of all views of the capture. antialias: masks have
    greys at their edges, the share of each pixel that shows the object. words: say what is meant instead of prompts in
    views; of the request only steps along the hierarchy count then.

    Raises NotFoundError for words that mean nothing here; PromptError for an unknown view, a prompt outside the image,
    or a selection that is empty; RunError when the run has no features yet, or no hierarchy where one is needed.
    """
    reporter = reporter or NullReporter()
    if output.exists() and not output.is_dir():
        raise RunError(f"{output} is a file, not a folder; name another place with -o")
    pictured = run.capture.views if cameras is None else load_cameras(cameras)
    splats = run.splats()
    if splats.features is None:
        raise RunError(f"{run.path} has no features yet; run `splatseg segment {run.path} --masks DIR` first")
    lines: tuple[str, ...] = ()
    if words is not None and words.given:
        selection, lines = _by_words(run, splats, request, words, reporter)
    else:
        selection = select(run, splats, request)
    members = selection.members
    coverage = _write_masks(splats, pictured, members, output / "masks", SUPERSAMPLE if antialias else 1, reporter)
    export_object(output / "object.ply", splats, members)
    export_rest(output / "rest.ply", splats, members)
    said = dataclasses.asdict(words) if words is not None and words.given else {}
    write_json(output / "selection.json", _facts(request, selection, len(splats), coverage) | said)
    return "\n".join([*lines, f"selected {int(members.sum()):,} of {len(splats):,} Gaussians; wrote {output}"])


def _by_words(
    run: Run, splats: Splats, request: Request, words: Words, reporter: Reporter
) -> tuple[Selection, tuple[str, ...]]:
    if request.given:
        raise PromptError("words and prompts in views cannot be mixed; give either --text or --click, --box and --mask")
    if not words.text or not all(text.strip() for text in (*words.text, *words.not_text)):
        raise PromptError('a text is empty or missing; say what is meant, such as: --text "red mug"')
    language = open_language(words.model, words.segmenter, run)
    found = language.find(run, splats, words.text, words.not_text, reporter)
    hierarchy = _hierarchy_for(run, splats, request)
    return (found.selection if hierarchy is None else _stepped(found.selection, hierarchy, request)), found.facts


def select(run: Run, splats: Splats, request: Request) -> Selection:
    """The selection that a request makes on the run's splat, set right by the votes of all views. Raises as above."""
    prompts = request.prompts(run.capture)
    agreement, hierarchy = run.agreement(splats), _hierarchy_for(run, splats, request)
    selection = select_by_prompts(
        splats, prompts, Knowledge(agreement, hierarchy, request.granularity), request.threshold
    )
    return selection if hierarchy is None else _stepped(selection, hierarchy, request)


def _hierarchy_for(run: Run, splats: Splats, request: Request) -> Hierarchy | None:
    """The run's hierarchy. Raises if the request needs one that is not there, or asks for what cannot be."""
    hierarchy = run.hierarchy(splats)
    if request.granularity is not None:
        checked_granularity(request.granularity)
    if min(request.grow, request.shrink) < 0:
        raise PromptError(f"--grow and --shrink count steps, got {min(request.grow, request.shrink)}; give 1, 2, ...")
    if hierarchy is None and (request.granularity is not None or request.grow or request.shrink):
        raise RunError(f"{run.path} has no hierarchy of segments to go along; run `splatseg segment {run.path}` again")
    return hierarchy


def _stepped(selection: Selection, hierarchy: Hierarchy, request: Request) -> Selection:
    members = selection.members
    for _ in range(request.grow):
        members = grown(members, hierarchy)
    for _ in range(request.shrink):
        members = shrunk(members, hierarchy)
    return dataclasses.replace(selection, members=members)


def _write_masks(
    splats: Splats, views: tuple[View, ...], members: np.ndarray, folder: Path, supersample: int, reporter: Reporter
) -> dict[str, int]:
    """Masks of all views; returns how many pixels each covers, shares of pixels added up."""
    coverage = {}
    for view in track(reporter, "masks", views):
        inside = selection_coverage(splats, view.camera, members, supersample)
        write_mask(folder / view.png_name, inside)
        coverage[view.name] = round(float(inside.sum(dtype=np.float64)))
    return coverage


def _facts(request: Request, selection: Selection, total: int, coverage: dict[str, int]) -> dict[str, object]:
    return {
        **dataclasses.asdict(request),
        "threshold": float(selection.threshold),
        "gaussians": int(selection.members.sum()),
        "of": total,
        "pixels": coverage,
    }
