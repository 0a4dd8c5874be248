"""Words on a run: its segments described once by an encoder, found by text ever after, or grounded anew in photographs.

describe_run   crops of every segment -> vectors, kept in words.safetensors; names proposed from a word list
find_described text -> segments, milliseconds beside the encoder's own time
find_grounded  text -> masks in the views that show most -> objects several views agree on
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.capture.capture import View
from splatseg.errors import NotFoundError, RunError, WeightsError
from splatseg.models.pretrained import read_config
from splatseg.render.label_maps import label_map
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.segments.segment import Segment
from splatseg.segments.segments_json import read_segments, write_segments
from splatseg.select.selection import Selection
from splatseg.splats.splats import Splats
from splatseg.words.agreed_objects import agreed_objects
from splatseg.words.chosen_views import choose_views
from splatseg.words.crops import best_crops
from splatseg.words.described import Described, describe, read_described, write_described
from splatseg.words.encoder import FAMILIES, Encoder, load_encoder
from splatseg.words.grounding import Grounder, load_grounder
from splatseg.words.query import Scale
from splatseg.words.vocabulary import caption, common_words

GROUNDED_VIEWS = 12
"""Views that are looked at for words: most of a scene is seen from so many."""

SUGGESTED = 3
"""Nearest names told when nothing is found."""


@dataclass(frozen=True)
class Words:
    """A query: text says what is meant, not_text what is not. model: folder or name of an encoder or a grounder, None
    for the encoder the run was described with. segmenter: what makes masks of a detector's boxes."""

    text: tuple[str, ...] = ()
    not_text: tuple[str, ...] = ()
    model: str | None = None
    segmenter: str | None = None

    @property
    def given(self) -> bool:
        """Whether there is anything in words."""
        return bool(self.text or self.not_text)


@dataclass(frozen=True, eq=False)
class Found:
    """What words mean: selection, and a line for every object it is made of."""

    selection: Selection
    facts: tuple[str, ...]


def describe_run(
    run: Run,
    encoder: Encoder,
    reporter: Reporter,
    vocabulary: Sequence[str] | None = None,
    rename: bool = False,
    weights: str = "",
) -> str:
    """Describe the segments of a run by the crops that show them best, and keep that; return a summary with the names
    that fit. vocabulary: words to name by and to compare queries with, None for the common ones. rename: give segments
    that have no name of their own the one that fits. weights: where the encoder came from, for later queries.

    Raises RunError when the run has no segments, or no segment is seen in any view.
    """
    splats = run.splats()
    if splats.segment_ids is None:
        raise RunError(f"{run.path} has no segments to describe; run `splatseg segment {run.path} --masks DIR` first")
    began = time.monotonic()
    views = run.capture.split("train")
    with reporter.stage("crops", len(views)) as advance:

        def pictures() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for done, view in enumerate(views, start=1):
                yield view.image(), label_map(splats, view.camera)
                advance(done)

        crops = best_crops(pictures())
    if not crops:
        raise RunError(f"no segment of {run.path} is seen in its views, so none can be described; look at report.html")
    with reporter.stage("words", 1) as advance:
        described = describe(crops, splats.segment_ids.numpy(), encoder, vocabulary or common_words(), weights)
        advance(1)
    write_described(run.words_path, described)
    run.record(timing="words", seconds=round(time.monotonic() - began, 3))
    names = Scale(described).names()
    renamed = _rename(run, names) if rename else 0
    rows = [f"segment {segment_id:<5} {name}" for segment_id, name in sorted(names.items())]
    told = f"; {renamed} segments took them as their names" if rename else ""
    return "\n".join([*rows, f"described {len(described.ids)} segments; a name fits {len(names)} of them{told}"])


@dataclass(frozen=True, eq=False)
class Language:
    """A model that understands words, loaded: an encoder of described segments, or a grounder of photographs."""

    model: Encoder | Grounder

    def find(
        self, run: Run, splats: Splats, texts: Sequence[str], reporter: Reporter, unlike: Sequence[str] = ()
    ) -> Found:
        """What texts mean and `unlike` does not, by the route that the model is for. Raises as the two routes do."""
        if isinstance(self.model, Grounder):
            return find_grounded(run, splats, self.model, texts, reporter, unlike)
        return find_described(run, splats, self.model, texts, unlike)


def open_language(model: str | None, segmenter: str | None = None, run: Run | None = None) -> Language:
    """Load a model of words. None takes the encoder that the run was described with. segmenter: for a detector.

    Raises WeightsError if there is no model, or none of a kind that understands words.
    """
    if model is None and run is not None and run.words_path.exists():
        model = read_described(run.words_path).weights
    if not model:
        raise WeightsError(
            "words need a model: --model with the folder of a CLIP or SigLIP (after `splatseg words RUN --model DIR`), "
            "of SAM 3, or of a Grounding DINO with --segmenter"
        )
    return Language(
        load_encoder(model) if read_config(model).model_type in FAMILIES else load_grounder(model, segmenter)
    )


def find_described(
    run: Run, splats: Splats, encoder: Encoder, texts: Sequence[str], unlike: Sequence[str] = ()
) -> Found:
    """The segments that texts mean, by the vectors kept with the run. unlike: texts that say what is not meant.

    Raises NotFoundError if a text means nothing here, with the nearest names; RunError if the run is not described, or
    its segments have changed since; WeightsError for another encoder than the one it was described with.
    """
    described = _current(run, splats, encoder)
    assert splats.segment_ids is not None
    scale = Scale(described)
    called = _called(run, scale)
    vectors = encoder.texts([caption(text) for text in (*texts, *unlike)])
    ids = splats.segment_ids.numpy()
    members, facts = np.zeros(len(splats), dtype=bool), []
    scores = np.full(len(splats), -1.0, dtype=np.float32)
    for text, vector in zip(texts, vectors, strict=False):
        answer = scale.answer(vector, list(vectors[len(texts) :]))
        if not answer.meant:
            near = ", ".join(called.get(i, f"segment {i}") for i in answer.nearest(SUGGESTED))
            raise NotFoundError(f"{text!r} is not in this scene; the nearest are {near or 'none'}")
        members |= np.isin(ids, answer.meant)
        by_id = np.full(int(ids.max()) + 1, -1.0, dtype=np.float32)
        by_id[answer.ids] = np.tanh(answer.scores / 4.0)
        scores = np.maximum(scores, by_id[ids])
        t = dict(zip(answer.ids.tolist(), answer.scores.tolist(), strict=True))
        facts += [f"{text}: {called.get(i, f'segment {i}')}, {t[i]:.1f} above chance" for i in answer.meant]
    return Found(Selection(scores, 0.0, members), tuple(facts))


def find_grounded(
    run: Run, splats: Splats, grounder: Grounder, texts: Sequence[str], reporter: Reporter, unlike: Sequence[str] = ()
) -> Found:
    """The objects that several views agree to show what texts say, unlike: and not what these say.

    Raises NotFoundError if a text means nothing here.
    """
    views = choose_views(splats, run.capture.split("train"), GROUNDED_VIEWS)
    hierarchy = run.hierarchy(splats)
    found = _grounded(views, grounder, (*texts, *unlike), reporter)
    members, facts = np.zeros(len(splats), dtype=bool), []
    for text in texts:
        objects = agreed_objects(splats, views, found[text], hierarchy)
        if not objects.members:
            raise NotFoundError(
                f"{text!r} is not in this scene: {_finding(found[text])} of {len(views)} views show something, "
                f"and they agree on no object (support {objects.best:.2f}); say it in other words"
            )
        for one, support in zip(objects.members, objects.supports, strict=True):
            members |= one
            facts.append(f"{text}: {int(one.sum()):,} Gaussians, support {support:.2f}")
    for text in unlike:
        for one in agreed_objects(splats, views, found[text], hierarchy).members:
            members &= ~one
    if not members.any():
        raise NotFoundError(f"all of {', '.join(texts)} is also {', '.join(unlike)}; leave one of the words away")
    return Found(Selection(np.where(members, 1.0, -1.0).astype(np.float32), 0.0, members), tuple(facts))


def _grounded(
    views: Sequence[View], grounder: Grounder, texts: Sequence[str], reporter: Reporter
) -> dict[str, dict[str, np.ndarray]]:
    """Masks (M,H,W) bool by text and view; every photograph is read once."""
    found: dict[str, dict[str, np.ndarray]] = {text: {} for text in texts}
    with reporter.stage("grounding", len(views)) as advance:
        for done, view in enumerate(views, start=1):
            image = view.image()
            for text in texts:
                found[text][view.name] = grounder.ground(image, text)[0]
            advance(done)
    return found


def _current(run: Run, splats: Splats, encoder: Encoder) -> Described:
    described = read_described(run.words_path)
    if described.encoder != encoder.name:
        raise WeightsError(
            f"{run.words_path} was made with {described.encoder}, not with {encoder.name}; "
            f"give the same model, or run `splatseg words {run.path}` with this one"
        )
    if splats.segment_ids is None:
        raise RunError(f"{run.path} has no segments; run `splatseg segment {run.path} --masks DIR` first")
    changed = described.changed(splats.segment_ids.numpy())
    there = len(described.ids)
    if changed and len(changed) > there // 2:
        raise RunError(
            f"{len(changed)} of the {there} described segments of {run.path} have changed since; "
            f"run `splatseg words {run.path} --model {described.weights or 'DIR'}` again"
        )
    return described.those(splats.segment_ids.numpy())


def _called(run: Run, scale: Scale) -> dict[int, str]:
    """What to call segments: by the name that a person gave or, if none did, the word that fits; and by the number."""
    given = {segment.id: segment.name for segment in read_segments(run.segments_path)}
    given = {i: name for i, name in given.items() if name != f"segment {i}"}
    return {i: f"{name} (segment {i})" for i, name in (scale.names() | given).items()}


def _finding(masks: dict[str, np.ndarray]) -> int:
    return sum(len(one) > 0 for one in masks.values())


def _rename(run: Run, names: dict[int, str]) -> int:
    """Give segments still called by their number the name that fits, numbered where several have it."""
    segments = read_segments(run.segments_path)
    used = {segment.name for segment in segments}
    renamed: list[Segment] = []
    count = 0
    for segment in segments:
        name = names.get(segment.id)
        if name is None or segment.name != f"segment {segment.id}":
            renamed.append(segment)
            continue
        numbered, number = name, 1
        while numbered in used:
            number += 1
            numbered = f"{name} {number}"
        used.add(numbered)
        renamed.append(segment.renamed(numbered))
        count += 1
    write_segments(run.segments_path, renamed)
    return count
