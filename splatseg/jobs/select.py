"""Selects an object in a run by prompts; writes its masks in all views, the object and the rest as splats."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from splatseg.capture.capture import load_cameras
from splatseg.capture.view import View, as_results
from splatseg.errors import PromptError, RunError
from splatseg.files import write_json
from splatseg.formats.objects import export_object, export_rest
from splatseg.jobs.blocks.at_hand import NUMBERS_OF_A_PROMPT, splats_of_run, warn_of_prompts
from splatseg.render.label_maps import selection_coverage, write_mask
from splatseg.render.supersampling import SUPERSAMPLE
from splatseg.requests.selecting import SelectionRequest, WordQuery
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter, Reporter, Summary, track
from splatseg.run.settings import checked_granularity
from splatseg.scene.opening import scene_of_run
from splatseg.scene.scene import Scene
from splatseg.scene.selection import Selection
from splatseg.splats.splats import Splats


def select_in_run(
    run: Run,
    request: SelectionRequest,
    output: Path,
    cameras: Path | None = None,
    antialias: bool = False,
    words: WordQuery | None = None,
    reporter: Reporter | None = None,
) -> Summary:
    """Select an object; write `output`/masks/<view>.png, object.ply, rest.ply and selection.json; return a summary.

    cameras: a file or folder for `capture.load_cameras`; masks are rendered for these in place of the capture's views.
    antialias: masks are grey at edges, the share of each pixel that shows the object.
    words: the object in words, in place of prompts in views; of the request only `grow` and `shrink` apply then.

    Raises NotFoundError for words that match no object; PromptError for an unknown view, a prompt outside the image, or
    an empty selection; RunError if the run has no features yet, or no hierarchy where the request needs one.
    """
    reporter = reporter or NullReporter()
    if output.exists() and not output.is_dir():
        raise RunError(f"{output} is a file, not a folder; name another place with -o")
    capture = run.capture
    views = capture.views if cameras is None else load_cameras(cameras, capture.coordinates)
    pictured = as_results(views, request.undistorted)
    scene = scene_of_run(run, Scene, splats=splats_of_run(run, len(capture.split("train"))))
    if scene.splats.features is None:
        raise RunError(f"{run.path} has no features yet; run `splatseg segment {run.path} --masks DIR` first")
    warn_of_prompts(scene.splats, NUMBERS_OF_A_PROMPT, reporter.warn)
    selection = select(scene, request, words, reporter)
    for doubt in selection.doubts:
        reporter.warn(doubt)
    splats, members = scene.splats, selection.members
    coverage = _write_masks(splats, pictured, members, output / "masks", SUPERSAMPLE if antialias else 1, reporter)
    export_object(output / "object.ply", splats, members)
    export_rest(output / "rest.ply", splats, members)
    said = dataclasses.asdict(words) if words is not None and words.given else {}
    facts = _facts(request, selection, len(splats), coverage) | said
    write_json(output / "selection.json", facts)
    told = [*selection.facts, *filter(None, [selection.describe_level()])]
    summary = f"selected {selection.count:,} of {len(splats):,} Gaussians; wrote {output}"
    figures = {name: facts[name] for name in ("gaussians", "of", "threshold", "support", "doubts", "pixels")}
    return Summary("\n".join([*told, summary]), **figures, told=told, output=output)


def select(
    scene: Scene, request: SelectionRequest, words: WordQuery | None = None, reporter: Reporter | None = None
) -> Selection:
    """Select by a request, or by words. Raises as `select_in_run` does."""
    assert scene.run is not None, "a request names views of a run's capture"
    by_words = words is not None and words.given
    prompts = [] if by_words else request.prompts(scene.run.capture)
    _check_steps(scene, request)
    if words is not None and by_words:
        selection = _by_words(scene, request, words, reporter)
    else:
        selection = scene.select(prompts, granularity=request.granularity, threshold=request.threshold)
    if request.grow:
        selection = selection.grow(request.grow)
    return selection.shrink(request.shrink) if request.shrink else selection


def _by_words(scene: Scene, request: SelectionRequest, words: WordQuery, reporter: Reporter | None) -> Selection:
    if request.given:
        raise PromptError("words and prompts in views cannot be mixed; give either --text or --click, --box and --mask")
    if not words.text or not all(text.strip() for text in (*words.text, *words.not_text)):
        raise PromptError('a text is empty or missing; name the object, such as: --text "red mug"')
    return scene.text(words.text, words.not_text, words.model, words.segmenter, reporter)


def _check_steps(scene: Scene, request: SelectionRequest) -> None:
    """Check granularity and steps. Raises RunError or PromptError if out of range, or if they lack a hierarchy."""
    if request.level is not None and (len(request.click) != 1 or request.box or request.mask):
        raise PromptError("--level chooses among what one click may mean; give exactly one --click with it")
    if request.level is not None and request.threshold is not None:
        raise PromptError("--level and --threshold are two ways to choose the reach of a click; give one of them")
    if request.granularity is not None:
        checked_granularity(request.granularity)
    if min(request.grow, request.shrink) < 0:
        raise PromptError(f"--grow and --shrink count steps, got {min(request.grow, request.shrink)}; give 1, 2, ...")
    along = request.granularity is not None or request.level is not None or request.grow or request.shrink
    if scene.hierarchy is None and along:
        where = scene.name if scene.run is None else scene.run.path
        raise RunError(f"{where} has no hierarchy of segments to go along; run `splatseg segment {where}` again")


def _write_masks(
    splats: Splats, views: tuple[View, ...], members: np.ndarray, folder: Path, supersample: int, reporter: Reporter
) -> dict[str, int]:
    """Write the mask of every view; return the number of pixels it covers, shares of pixels added up."""
    coverage = {}
    for view in track(reporter, "masks", views):
        inside = selection_coverage(splats, view.seen_by, members, supersample)
        write_mask(folder / view.png_name, inside)
        coverage[view.photograph] = round(float(inside.sum(dtype=np.float64)))
    return coverage


def _facts(request: SelectionRequest, selection: Selection, total: int, coverage: dict[str, int]) -> dict[str, object]:
    return {
        **dataclasses.asdict(request),
        "threshold": float(selection.threshold),
        "support": selection.support,
        "doubts": selection.doubts,
        "gaussians": selection.count,
        "of": total,
        "pixels": coverage,
    }
