"""Word lists."""

from pathlib import Path

import pytest

from splatseg.errors import PromptError
from splatseg.words.vocabulary import caption, common_words, read_words


def test_the_common_words_are_many_and_each_is_there_once() -> None:
    words = common_words()
    assert len(words) > 250 and len(set(words)) == len(words)
    assert {"mug", "table", "floor"} <= set(words) and not any("#" in word for word in words)


def test_words_become_captions_with_their_article() -> None:
    assert caption("red mug") == "a photo of a red mug"
    assert caption(" apple ") == "a photo of an apple"
    assert caption("the red mug") == "a photo of the red mug"


def test_a_word_list_is_read_without_comments_and_doubles(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("# kitchen\nmug\n\n  pan # iron\nmug\n")
    assert read_words(tmp_path / "words.txt") == ("mug", "pan")


def test_an_empty_or_missing_word_list_is_told(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="cannot be read"):
        read_words(tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(PromptError, match="holds no word"):
        read_words(tmp_path / "empty.txt")
