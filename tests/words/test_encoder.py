"""Encoders of every family, with true processors and random weights, loaded from folders as real ones are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_language_models as tiny
import torch
from safetensors.torch import load_file, save_file

from splatseg.errors import WeightsError
from splatseg.words.encoder import load_encoder

PICTURES = [np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8) for size in ((40, 60, 3), (17, 9, 3))]


@pytest.mark.parametrize("build", [tiny.tiny_clip, tiny.tiny_siglip, tiny.tiny_siglip2], ids=lambda f: f.__name__)
def test_pictures_and_words_become_unit_vectors_of_one_space(build: Callable[[Path], Path], tmp_path: Path) -> None:
    encoder = load_encoder(build(tmp_path / "weights"), "cpu")
    pictures = encoder.images(PICTURES)
    texts = encoder.texts(["a photo of a red mug", "a", "a very long text " * 40])
    assert pictures.shape[1] == texts.shape[1] and (len(pictures), len(texts)) == (2, 3)
    assert pictures.dtype == texts.dtype == np.float32
    for vectors in (pictures, texts):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert not np.allclose(pictures[0], pictures[1]) and not np.allclose(texts[0], texts[1])


@pytest.mark.parametrize("build", [tiny.tiny_clip, tiny.tiny_siglip], ids=lambda f: f.__name__)
def test_a_text_has_the_same_vector_alone_and_among_others(build: Callable[[Path], Path], tmp_path: Path) -> None:
    encoder = load_encoder(build(tmp_path / "weights"), "cpu")
    together = encoder.texts(["mug", "a much longer text than that"])
    np.testing.assert_allclose(encoder.texts(["mug"])[0], together[0], atol=1e-5)


def test_the_name_of_an_encoder_says_kind_and_folder(tmp_path: Path) -> None:
    assert load_encoder(tiny.tiny_clip(tmp_path / "small"), "cpu").name == "clip:small"


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam2"}))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(WeightsError, match="sam2 model, which does not embed pictures and words in one space"):
        load_encoder(tmp_path)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no model"):
        load_encoder(tmp_path)


def test_a_folder_without_weights_is_told(tmp_path: Path) -> None:
    folder = tiny.tiny_clip(tmp_path / "weights")
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="holds no weights"):
        load_encoder(folder)


def test_damaged_incomplete_and_foreign_weights_are_told(tmp_path: Path) -> None:
    folder = tiny.tiny_clip(tmp_path / "weights")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:2000])
    with pytest.raises(WeightsError, match=r"the model in .*weights cannot be loaded .*; fetch it again"):
        load_encoder(folder)
    (folder / "model.safetensors").write_bytes(whole)
    stored = load_file(folder / "model.safetensors")
    pictures_only = {name: value for name, value in stored.items() if not name.startswith("text_model")}
    save_file(pictures_only, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsError, match=r"lack \d+ tensors of a CLIPModel \(text_model\."):
        load_encoder(folder)
    shutil.copy(tiny.tiny_siglip(tmp_path / "other") / "model.safetensors", folder)
    with pytest.raises(WeightsError, match=r"cannot be loaded|tensors of a CLIPModel"):
        load_encoder(folder)
    (folder / "tokenizer.json").write_text("{broken")
    (folder / "model.safetensors").write_bytes(whole)
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_encoder(folder)


def test_siglip_reads_capitals_as_the_small_letters_it_was_trained_on(tmp_path: Path) -> None:
    encoder = load_encoder(tiny.tiny_siglip(tmp_path / "weights"), "cpu")
    np.testing.assert_array_equal(*encoder.texts(["Red Mug", "red mug"]))


def test_when_memory_runs_out_fewer_pictures_at_a_time_give_the_same_vectors_and_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(tiny.tiny_clip(tmp_path / "weights"), "cpu")
    usual, whole, asked = encoder.images(PICTURES * 3), encoder._model.get_image_features, []
    most = 2

    def scarce(**inputs: torch.Tensor) -> object:
        asked.append(len(inputs["pixel_values"]))
        if asked[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(**inputs)

    monkeypatch.setattr(encoder._model, "get_image_features", scarce)
    np.testing.assert_allclose(encoder.images(PICTURES * 3), usual, atol=1e-6)
    assert asked == [6, 6, 4, 2, 2, 2]
    most = 0
    with pytest.raises(WeightsError, match=r"no memory for the model, even for one picture .*CUDA out of memory"):
        encoder.images(PICTURES)
