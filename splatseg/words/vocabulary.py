"""Common words: names for segments, and the rivals of a query in the test whether it is in the scene at all."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from splatseg.errors import PromptError

TEMPLATE = "a photo of {}"
"""Encoders were trained on captions: a bare noun is farther from its pictures."""


@cache
def common_words() -> tuple[str, ...]:
    """Return the word list of splatseg: things of rooms, kitchens, desks, workshops, streets and gardens."""
    return _words((files("splatseg.words") / "vocabulary.txt").read_text(encoding="utf-8"))


def read_words(path: Path) -> tuple[str, ...]:
    """Read words from a text file, one per line; blank lines and text after # are left out.

    Raises PromptError if the file cannot be read or holds no word.
    """
    try:
        words = _words(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(
            f"the word list {path} cannot be read ({error}); give a text file with one word per line"
        ) from None
    if not words:
        raise PromptError(f"the word list {path} holds no word; write one per line")
    return words


def caption(words: str) -> str:
    """Return the caption of some words for an encoder: "red mug" as "a photo of a red mug"."""
    text = " ".join(words.split())
    if text.split(" ")[0].lower() in ("a", "an", "the", "my", "some"):
        return TEMPLATE.format(text)
    article = "an" if text[:1].lower() in "aeiou" else "a"
    return TEMPLATE.format(f"{article} {text}")


def _words(text: str) -> tuple[str, ...]:
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return tuple(dict.fromkeys(line for line in lines if line))
