"""Words without weights: what voting, calibration and refusal make of models that answer from the truth, with mistakes.

    python benchmarks/bench_words.py RUN GT [--seed 0]

RUN is a finished run whose capture has instance label maps GT with names. No weights are needed: a stand-in detector
finds an object in a view by its true mask, but misses some, takes a wrong object for it at times and finds things that
are not there; a stand-in encoder gives a segment a noisy vector of the object it shows most, as CLIP's are: texts share
one direction, pictures another, words come in groups of related ones. Printed are, over all things of the scene and as
many words that are not in it: how many are found, as the right object, and how many absent words are refused; the IoU
of what is selected over held-out views; and the time of a query at 200 segments, beside the encoder's own.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from splatseg.evaluate.segmentation import iou
from splatseg.evaluate.truth import Truth, read_truth
from splatseg.render.label_maps import label_map, selection_mask
from splatseg.run.folder import Run, open_run
from splatseg.splats.splats import Splats
from splatseg.words.agreed_objects import agreed_objects
from splatseg.words.chosen_views import choose_views
from splatseg.words.described import Described
from splatseg.words.query import Scale
from splatseg.words.vocabulary import common_words

GROUPS = 40
DIMENSIONS = 512
FEWEST_PIXELS = 100


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows divided by their length."""
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def language(names: list[str], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(texts, contents, groups): vectors of the common words and then of `names`, what is theirs alone in them, and the
    group of related words that each is of."""
    count = len(common_words()) + len(names)
    directions, groups = rng.normal(size=(GROUPS, DIMENSIONS)), rng.integers(0, GROUPS, count)
    contents = unit(0.6 * directions[groups] + 0.8 * rng.normal(size=(count, DIMENSIONS)))
    return unit(1.3 * unit(rng.normal(size=DIMENSIONS)) + contents), contents, groups


def encoder_rows(run: Run, splats: Splats, truth: Truth, rng: np.random.Generator) -> list[str]:
    """The route through vectors: found, wrong, refused, and the time of a query."""
    names = {i: truth.name(i) for i in truth.ids if i not in truth.stuff}
    texts, contents, groups = language(list(names.values()), rng)
    first = len(common_words())
    shown: dict[int, np.ndarray] = {}
    for view in run.capture.split("train"):
        labels, true = label_map(splats, view.camera), truth.label_maps[view.name]
        for segment_id in np.unique(labels[labels > 0]).tolist():
            counts = np.bincount(true[labels == segment_id], minlength=max(truth.ids) + 1)
            shown[segment_id] = shown.get(segment_id, 0) + counts
    row_of = {object_id: first + number for number, object_id in enumerate(names)}
    picture, hub = unit(rng.normal(size=(2, DIMENSIONS)))
    ids = np.array(sorted(shown), dtype=np.int32)
    shows = [int(shown[i].argmax()) for i in ids.tolist()]
    own = np.array([contents[row_of[i]] if i in row_of else rng.normal(size=DIMENSIONS) / 30 for i in shows])
    noise = rng.normal(size=own.shape) / np.sqrt(DIMENSIONS)
    vectors = unit(1.3 * picture + 0.3 * rng.normal(size=(len(ids), 1)) * hub + 0.5 * own + noise)
    described = _described(ids, vectors, texts[:first])
    scale = Scale(described)
    right = wrong = missed = 0
    for object_id, row in row_of.items():
        meant = scale.answer(texts[row].astype(np.float32)).meant
        truly = [int(i) for i, show in zip(ids, shows, strict=True) if show == object_id]
        right += bool(meant) and meant[0] in truly
        wrong += bool(meant) and meant[0] not in truly
        missed += not meant
    accepted = [row for row in range(first) if scale.answer(texts[row].astype(np.float32)).meant]
    foreign = ~np.isin(groups[:first], groups[first:])
    return [
        f"encoder    {len(ids)} segments, {len(names)} words of things: {right} right, {wrong} wrong, {missed} missed; "
        f"{first} common words that name nothing here: {first - len(accepted)} refused; "
        f"of {foreign.sum()} related to none of the things {foreign.sum() - foreign[accepted].sum()}",
        f"query      {query_time(rng) * 1e3:.2f} ms at 200 segments and {first} words (opening the scale apart: once)",
    ]


def _described(ids: np.ndarray, vectors: np.ndarray, words: np.ndarray) -> Described:
    marks = np.zeros(len(ids), np.int64)
    return Described(ids, vectors.astype(np.float32), marks, common_words(), words.astype(np.float32), "stand-in", "")


def query_time(rng: np.random.Generator, repeats: int = 50) -> float:
    """Median seconds of one query at 200 segments, opening the scale included."""
    words = unit(rng.normal(size=(len(common_words()), DIMENSIONS)))
    described = _described(np.arange(1, 201, dtype=np.int32), unit(rng.normal(size=(200, DIMENSIONS))), words)
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        Scale(described).answer(words[3].astype(np.float32))
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def detector_rows(run: Run, splats: Splats, truth: Truth, rng: np.random.Generator, misses: float) -> list[str]:
    """The route through detections: found and its IoU in held-out views, absent words refused."""
    views = choose_views(splats, run.capture.split("train"), 12)
    hierarchy = run.hierarchy(splats)
    things = [i for i in truth.ids if i not in truth.stuff]
    scores, found = [], 0
    for object_id in things:
        masks = {view.name: _detected(truth.label_maps[view.name], object_id, things, rng, misses) for view in views}
        objects = agreed_objects(splats, views, masks, hierarchy)
        if not objects.members:
            scores.append(0.0)
            continue
        found += 1
        scores.append(_held_out_iou(run, splats, truth, object_id, np.any(objects.members, axis=0)))
    refused = 0
    for _ in things:
        masks = {view.name: _detected(truth.label_maps[view.name], -1, things, rng, misses) for view in views}
        refused += not agreed_objects(splats, views, masks, hierarchy).members
    return [
        f"detector   misses {misses:.0%}, wrong {misses / 2:.0%}: {found} of {len(things)} things found, "
        f"mIoU {np.mean(scores):.3f}; {refused} of {len(things)} absent words refused"
    ]


def _detected(
    labels: np.ndarray, object_id: int, things: list[int], rng: np.random.Generator, misses: float
) -> np.ndarray:
    """What a detector finds in a view for one thing: (M,H,W) bool."""
    masks = []
    if (labels == object_id).sum() >= FEWEST_PIXELS and rng.random() >= misses:
        masks.append(labels == object_id)
    if rng.random() < misses / 2:
        masks.append(labels == rng.choice(things))
    return np.array(masks, bool).reshape(-1, *labels.shape)


def _held_out_iou(run: Run, splats: Splats, truth: Truth, object_id: int, members: np.ndarray) -> float:
    scores = []
    for view in run.capture.split("test"):
        target = truth.label_maps[view.name] == object_id
        if target.sum() >= FEWEST_PIXELS:
            scores.append(iou(selection_mask(splats, view.camera, members), target))
    return float(np.mean(scores)) if scores else 0.0


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("gt", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    run = open_run(options.run)
    splats, truth = run.splats(), read_truth(options.gt, run.capture.views)
    rng = np.random.default_rng(options.seed)
    for line in encoder_rows(run, splats, truth, rng):
        print(line, flush=True)
    for misses in (0.0, 0.3, 0.5):
        for line in detector_rows(run, splats, truth, rng, misses):
            print(line, flush=True)


if __name__ == "__main__":
    main()
