"""Evaluates a run against ground truth: pictures, prompted objects, automatic segments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from splatseg.capture.view import View, one_a_photograph
from splatseg.evaluate.images import ImageScore, score_image
from splatseg.evaluate.protocols.prompted import prompts_of, run_protocol
from splatseg.evaluate.segmentation import adjusted_rand_index
from splatseg.evaluate.tables import Evaluation
from splatseg.evaluate.truth import Truth, read_truth
from splatseg.files import write_json
from splatseg.jobs.blocks.at_hand import NUMBERS_OF_EVALUATION, splats_of_run, warn_of_prompts
from splatseg.machine.threads import in_order
from splatseg.masks.listing import require_masks
from splatseg.render.label_maps import label_map, selection_mask
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.report.run_report import report_run
from splatseg.run.folder import Run
from splatseg.run.reporter import Advance, NullReporter, Reporter, track_in_order
from splatseg.select.mask_prompt import select_by_mask
from splatseg.select.prompt import Prompt
from splatseg.splats.made_of import FEATURES, GEOMETRY, KEY, SEGMENTS, made_of
from splatseg.splats.splats import Splats


def evaluate_run(
    run: Run, gt: Path, split: str = "test", ignore: int | None = None, reporter: Reporter | None = None
) -> Evaluation:
    """Measure a run in the views of a split; write evaluation.json and the report.

    Objects are prompted in training views, as described in `evaluate.protocols.prompted`. A run without features is
    measured by its pictures only.

    gt: folder of instance label maps; a scene.json next to the folder names the objects and `stuff`.
    ignore: the id of pixels without ground truth.

    Raises MaskError for missing or bad ground truth, RunError if the run is not finished.

    Example:
        >>> result = splatseg.evaluate_run(spare, splatseg.demo_capture() / "gt" / "instance")
        >>> (spare.path / "evaluation.json").exists()
        True
    """
    reporter = reporter or NullReporter()
    splats = splats_of_run(run, len(run.capture.split("train")))
    views = run.views(split)
    require_masks([gt], run.capture.path)
    truth = read_truth(gt, run.capture.views, unknown=ignore)
    background, corrected = run.settings.train.background, bool(run.color_strength)

    def scored_picture(view: View) -> ImageScore:
        render = to_uint8(render_rgb(splats, view.camera, background))
        return score_image(view.name, render, view.image(), view.ignored(), corrected)

    images = tuple(track_in_order(reporter, "pictures", scored_picture, views, splats.is_mapped))
    objects = None
    if splats.features is not None:
        warn_of_prompts(splats, NUMBERS_OF_EVALUATION, reporter.warn)
        parts = (one_a_photograph(part) for part in (run.capture.split("train"), views))
        train, scored = ([view.photograph for view in part] for part in parts)
        with reporter.stage("objects", len(prompts_of(truth, train, scored))) as advance:
            objects = run_protocol(truth, train, scored, _Prompted(run, splats, views, advance))
    ari = None if splats.segment_ids is None else _segments_ari(splats, views, truth)
    result = Evaluation(images, objects, ari)
    write_json(run.evaluation_path, result.to_json() | {KEY: made_of(splats, GEOMETRY, FEATURES, SEGMENTS)})
    report_run(run, reporter, splats)
    return result


class _Prompted:
    """Selects by a mask in one view, renders the selection in the scored views, and reports each object."""

    def __init__(self, run: Run, splats: Splats, views: tuple[View, ...], advance: Advance) -> None:
        self._run, self._splats, self._views, self._advance = run, splats, views, advance
        self._agreement, self._hierarchy = run.agreement(splats), run.hierarchy(splats)
        self._done = 0

    def __call__(self, view_name: str, mask: np.ndarray) -> Mapping[str, np.ndarray]:
        self._done += 1
        self._advance(self._done)
        prompt = Prompt.in_photograph(self._run.capture.view(view_name).seen_by, mask=mask)
        assert prompt.mask is not None
        selection = select_by_mask(
            self._splats, prompt.camera, prompt.mask, None, self._agreement, self._hierarchy, prompt.seen
        )
        members = selection.members

        def shown(view: View) -> np.ndarray:
            return selection_mask(self._splats, view.seen_by, members)

        views = one_a_photograph(self._views)
        masks = in_order(shown, views, self._splats.is_mapped)
        return dict(zip((view.photograph for view in views), masks, strict=True))


def _segments_ari(splats: Splats, views: tuple[View, ...], truth: Truth) -> float:
    """Return the ARI over the pixels of all views that have a true label, floor and walls included."""
    views = one_a_photograph(views)
    pred = np.concatenate(list(in_order(lambda view: label_map(splats, view.seen_by).ravel(), views, splats.is_mapped)))
    target = np.concatenate([truth.label_maps[view.photograph].ravel() for view in views])
    ignored = (0,) if truth.unknown is None else (0, truth.unknown)
    return adjusted_rand_index(pred[None], target[None], ignored)
