"""Palettes: never more entries than asked for, each vector near its own, and exact where that is possible."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splatseg.formats.codebooks import codebook, nearest_in, palette


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [1, 7, 256, 300, 1000, 2500])
def test_a_palette_has_no_more_entries_than_asked_for_and_labels_within(size: int) -> None:
    entries, labels = palette(random(2000, 9), size)
    assert len(entries) <= size and labels.shape == (2000,)
    assert int(labels.min()) >= 0 and int(labels.max()) < len(entries)


def test_enough_entries_keep_every_vector() -> None:
    vectors = random(500, 9)
    entries, labels = palette(vectors, 500)
    assert torch.equal(entries[labels], vectors)


def test_vectors_of_few_kinds_need_few_entries() -> None:
    vectors = random(40, 9)[torch.arange(8000) % 40]
    entries, labels = palette(vectors, 4000)
    torch.testing.assert_close(entries[labels], vectors, atol=1e-5, rtol=0)


def test_more_entries_are_nearer() -> None:
    vectors = random(20_000, 3)
    errors = [
        (entries[labels] - vectors).square().mean()
        for entries, labels in (palette(vectors, n) for n in (64, 512, 4096))
    ]
    # In three dimensions eight times the entries halve the distance, or nearly.
    assert errors[1] < 0.32 * errors[0] and errors[2] < 0.32 * errors[1]


def test_an_outlier_has_an_entry_near_it_and_does_not_cost_the_others() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(size=50_000), [60.0]])
    book = codebook(values)
    errors = np.abs(book[nearest_in(book, values)] - values)
    assert (np.diff(book) >= 0).all() and errors.max() < 65 / 256 and errors[:-1].mean() < 0.02


def test_few_values_are_exact() -> None:
    values = np.array([[3.0, -1.0], [0.5, 3.0]], np.float32)
    book = codebook(values)
    assert book.shape == (256,) and (book[nearest_in(book, values)] == values).all()
    assert (codebook(np.full(9, 2.5)) == 2.5).all()
