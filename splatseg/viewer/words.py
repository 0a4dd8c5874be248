"""Words asked in the page: the model is loaded when the first words come, and stays for all browsers."""

from __future__ import annotations

import threading

from splatseg.errors import PromptError
from splatseg.jobs.words import Found, Language, open_language
from splatseg.scene.scene import Scene


class Words:
    """Finds what words mean in a scene. model, segmenter: as `splatseg select --text` takes them; None for the encoder
    that the run was described with."""

    def __init__(self, scene: Scene, model: str | None = None, segmenter: str | None = None) -> None:
        self._scene, self._model, self._segmenter = scene, model, segmenter
        self._language: Language | None = None
        # Models are not made to be asked by two at once.
        self._lock = threading.Lock()

    def find(self, text: str) -> Found:
        """What "red mug, book, not yellow book" means: words with commas between, after "not" what is not meant.

        Raises PromptError for a file without a run or for no words, NotFoundError for words that mean nothing here,
        WeightsError without a model.
        """
        run = self._scene.run
        if run is None:
            raise PromptError("words are compared with photographs, and a splat file has none; open a run")
        wanted, unwanted = split_words(text)
        if not wanted:
            raise PromptError(
                "say what is meant, such as: red mug; commas between several, 'not ...' for what is not meant"
            )
        with self._lock:
            if self._language is None:
                self._language = open_language(self._model, self._segmenter, run)
            return self._language.find(run, self._scene.splats, wanted, unwanted)


def split_words(text: str) -> tuple[list[str], list[str]]:
    """(meant, not meant): "red mug, not blue mug" as (["red mug"], ["blue mug"])."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    unwanted = [part[4:] for part in parts if part.lower().startswith("not ")]
    return [part for part in parts if part and not part.lower().startswith("not ")], unwanted
