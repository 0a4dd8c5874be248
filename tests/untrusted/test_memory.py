"""The memory that one file may take, and the sentence for a file that wants more."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatseg.errors import MaskError, SplatsegError
from splatseg.untrusted.memory import PLAIN, Guard, in_words, memory_budget


@pytest.fixture(autouse=True)
def _free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPLATSEG_MEMORY", raising=False)
    monkeypatch.setattr("splatseg.untrusted.memory._free", lambda: 64 << 30)


def guard(length: int = 97) -> Guard:
    return Guard(MaskError, "a.png", length)


@pytest.mark.parametrize(
    ("word", "size"),
    [("8G", 8 << 30), ("1.5g", 3 << 29), ("512 MiB", 512 << 20), ("2000000", 2000000), (" 1TB", 1 << 40)],
)
def test_the_budget_is_what_the_variable_says(monkeypatch: pytest.MonkeyPatch, word: str, size: int) -> None:
    monkeypatch.setenv("SPLATSEG_MEMORY", word)
    assert memory_budget() == guard().allowed == size


@pytest.mark.parametrize(
    "word", ["much", "-1G", "0", "8X", "1e9", "inf", "nan", "8 G B", "99999999T", "10K", "8G " * 99]
)
def test_a_variable_that_is_no_size_is_told(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("SPLATSEG_MEMORY", word)
    with pytest.raises(SplatsegError, match=r"SPLATSEG_MEMORY is '.*', which is no size .* set it to one such as 8G"):
        memory_budget()


def test_without_the_variable_it_is_half_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_budget() == 32 << 30
    monkeypatch.setattr("splatseg.untrusted.memory._free", lambda: None)
    assert memory_budget() == 4 << 30
    monkeypatch.setenv("SPLATSEG_MEMORY", "")
    assert memory_budget() == 4 << 30


def test_a_small_file_may_take_little_and_a_large_one_more_within_the_budget() -> None:
    assert guard(97).allowed == PLAIN
    assert guard(10**7).allowed == 1024 * 10**7
    assert guard(10**12).allowed == 32 << 30


def test_this_machine_tells_how_much_is_free() -> None:
    assert 1 << 26 < memory_budget() < 1 << 50


def test_a_file_that_wants_more_is_refused_in_one_sentence() -> None:
    guard().check("9x9 pixels", PLAIN)
    with pytest.raises(MaskError) as told:
        guard().check("13000x13000 pixels", 3 << 30)
    assert str(told.value) == (
        "a.png declares 13000x13000 pixels, which would take 3.0 GiB of memory, and a file of 97 bytes may take "
        "954 MiB; if it is not damaged, set SPLATSEG_MEMORY=3G"
    )


def test_what_the_sentence_advises_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLATSEG_MEMORY", "3G")
    guard().check("13000x13000 pixels", (3 << 30) - 5)


def test_the_guard_of_no_file_has_no_bytes(tmp_path: Path) -> None:
    assert Guard.of(tmp_path / "none", MaskError).length == 0
    assert Guard.of(Path("x\0"), MaskError).length == 0


def test_sizes_have_units_that_people_read() -> None:
    assert [in_words(size) for size in (5 << 20, 3 << 29, 2000 << 30)] == ["5 MiB", "1.5 GiB", "2,000.0 GiB"]
