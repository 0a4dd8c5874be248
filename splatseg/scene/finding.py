"""Words as prompts in a run: segments by the vectors that describe them, or objects grounded anew in photographs.

find_described: text -> segments, milliseconds beside the encoder's own time.
find_grounded: text -> masks in the views that show most -> objects that several views agree on.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.capture.view import View
from splatseg.errors import NotFoundError, RunError, WeightsError
from splatseg.models.pretrained import read_config, without_fetching
from splatseg.plain_text import short_name
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter, Reporter, track
from splatseg.segments.segments_json import read_segments
from splatseg.select.match import Match
from splatseg.splats.made_of import is_stale
from splatseg.splats.splats import Splats
from splatseg.words.agreed_objects import agreed_objects
from splatseg.words.chosen_views import choose_views
from splatseg.words.described import Described, read_described
from splatseg.words.encoder import FAMILIES, Encoder, load_encoder
from splatseg.words.grounding import Grounder, load_grounder
from splatseg.words.query import Scale
from splatseg.words.vocabulary import caption

GROUNDED_VIEWS = 12
"""Views that are looked at for words: most of a scene is seen from so many."""

SUGGESTED = 3
"""Names that a refusal suggests."""


@dataclass(frozen=True, eq=False)
class WordMatch:
    """The meaning of words in a scene."""

    match: Match
    """The Gaussians of the objects."""
    facts: tuple[str, ...]
    """A line about each object."""


class WordFinder:
    """Finds the objects that words name. The model is loaded with the first query, and kept."""

    def __init__(self, run: Run, model: str | Encoder | Grounder | None = None, segmenter: str | None = None) -> None:
        """Search a run with a model, once `find` is called.

        model: an encoder or a grounder, or the folder or name of one; None for the encoder that the run was described
        with. segmenter: folder or name of the model that turns a detector's boxes into masks.
        """
        self._run, self._model, self._segmenter = run, model, segmenter
        # Two threads must not use a network at once.
        self._lock = threading.Lock()

    @property
    def has_model(self) -> bool:
        """True if a model was named, or the run was described with one."""
        return self._model is not None or self._run.words_path.exists()

    def find(
        self, splats: Splats, texts: Sequence[str], unlike: Sequence[str] = (), reporter: Reporter | None = None
    ) -> WordMatch:
        """Find the objects that texts name and `unlike` does not, among the segments of `splats`.

        Raises NotFoundError for words that mean nothing here, WeightsError without a model, and RunError if the run
        is not described or its segments have changed since.
        """
        with self._lock:
            if self._model is None or isinstance(self._model, str):
                self._model = open_word_model(self._model, self._segmenter, self._run)
            if isinstance(self._model, Grounder):
                return find_grounded(self._run, splats, self._model, texts, unlike, reporter)
            return find_described(self._run, splats, self._model, texts, unlike)


def split_words(text: str) -> tuple[list[str], list[str]]:
    """Split a query into wanted and unwanted words: "red mug, not blue mug" as (["red mug"], ["blue mug"])."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    unwanted = [part[4:] for part in parts if part.lower().startswith("not ")]
    return [part for part in parts if part and not part.lower().startswith("not ")], unwanted


def open_word_model(model: str | None, segmenter: str | None = None, run: Run | None = None) -> Encoder | Grounder:
    """Load an encoder or a grounder; None takes the encoder that the run was described with. segmenter: for a detector.

    Raises WeightsError if there is no model, or none of a kind that understands words.
    """
    if model is None and run is not None and run.words_path.exists():
        # A name in a file of a run that came from elsewhere is no wish of the user to fetch anything.
        with without_fetching():
            return open_word_model(read_described(run.words_path).weights, segmenter)
    if not model:
        raise WeightsError(
            "words need a model: --model with the folder of a CLIP or SigLIP (after `splatseg words RUN --model DIR`), "
            "of SAM 3, or of a Grounding DINO with --segmenter"
        )
    return load_encoder(model) if read_config(model).model_type in FAMILIES else load_grounder(model, segmenter)


def find_described(
    run: Run, splats: Splats, encoder: Encoder, texts: Sequence[str], unlike: Sequence[str] = ()
) -> WordMatch:
    """Find the segments that texts name, by the vectors kept with the run. unlike: texts for unwanted ones.

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
        facts += [f"{short_name(text)}: {called.get(i, f'segment {i}')}, {t[i]:.1f} above chance" for i in answer.meant]
    return WordMatch(Match(scores, 0.0, members), tuple(facts))


def find_grounded(
    run: Run,
    splats: Splats,
    grounder: Grounder,
    texts: Sequence[str],
    unlike: Sequence[str] = (),
    reporter: Reporter | None = None,
) -> WordMatch:
    """Find the objects that several views agree to be named by texts. unlike: texts for unwanted objects.

    Raises NotFoundError if a text means nothing here.
    """
    views = choose_views(splats, run.capture.split("train"), GROUNDED_VIEWS)
    hierarchy = run.hierarchy(splats)
    found = _grounded(views, grounder, (*texts, *unlike), reporter or NullReporter())
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
            facts.append(f"{short_name(text)}: {int(one.sum()):,} Gaussians, support {support:.2f}")
    for text in unlike:
        for one in agreed_objects(splats, views, found[text], hierarchy).members:
            members &= ~one
    if not members.any():
        raise NotFoundError(f"all of {', '.join(texts)} is also {', '.join(unlike)}; leave one of the words away")
    return WordMatch(Match(np.where(members, 1.0, -1.0).astype(np.float32), 0.0, members), tuple(facts))


def _grounded(
    views: Sequence[View], grounder: Grounder, texts: Sequence[str], reporter: Reporter
) -> dict[str, dict[str, np.ndarray]]:
    """Ground every text in every view: masks (M,H,W) bool by text and view; a photograph is read once."""
    found: dict[str, dict[str, np.ndarray]] = {text: {} for text in texts}
    for view in track(reporter, "grounding", views):
        image = view.image()
        for text in texts:
            found[text][view.name] = grounder.ground(image, text)[0]
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
    there = len(described.ids)
    stale = is_stale(run.words_path, splats)
    changed = described.ids.tolist() if stale else described.changed(splats.segment_ids.numpy())
    if changed and len(changed) > there // 2:
        raise RunError(
            f"{len(changed)} of the {there} described segments of {run.path} have changed since; "
            f"run `splatseg words {run.path} --model {described.weights or 'DIR'}` again"
        )
    return described.those(splats.segment_ids.numpy())


def _called(run: Run, scale: Scale) -> dict[int, str]:
    """Return a name for each segment: the one that a person gave, else the word that fits, with the id."""
    given = {segment.id: segment.name for segment in read_segments(run.segments_path)}
    given = {i: name for i, name in given.items() if name != f"segment {i}"}
    return {i: f"{short_name(name)} (segment {i})" for i, name in (scale.names() | given).items()}


def _finding(masks: dict[str, np.ndarray]) -> int:
    return sum(len(one) > 0 for one in masks.values())
