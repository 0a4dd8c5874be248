"""Encoders of pictures and words into one space, in which a picture lies near the words for what it shows.

    images, texts -> unit vectors (B,D) float32          likeness of a picture and a text = their dot product, in -1..1

CLIP, SigLIP, SigLIP 2 and MetaCLIP 2 through transformers, from a folder of weights or by name. All other code needs
only the protocol `Encoder`, so another model is one class.

Alphabet: B pictures or texts; D dimensions, the model's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from splatseg.errors import WeightsError
from splatseg.models.batches import LESS_MEMORY, Batches
from splatseg.models.pretrained import device_named, load_network, load_processor, read_config

FAMILIES = ("clip", "metaclip_2", "siglip", "siglip2")
"""Model types, as in their config.json."""

PADDED_LENGTH = 64
"""SigLIP was trained on texts padded to this many tokens; other lengths give other vectors."""

BATCH = 16
"""Pictures or texts that are embedded at once."""


class Encoder(Protocol):
    """An encoder of pictures and words."""

    name: str
    """Name of the embedding space: embeddings of two models are never compared."""

    def images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Embed pictures, each (H,W,3) uint8, as unit vectors (B,D) float32."""

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts as unit vectors (B,D) float32."""


class TransformersEncoder:
    """An encoder whose weights transformers reads."""

    def __init__(self, model: Any, processor: Any, name: str) -> None:
        self.name = name
        self._model, self._processor = model, processor
        self._pictures = Batches(BATCH, model.device)
        self._padding = "max_length" if model.config.model_type.startswith("siglip") else True

    @torch.no_grad()
    def images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Embed pictures, see `Encoder.images`."""
        rows = []
        for start in range(0, len(pictures), BATCH):
            rows.append(
                self._pictures.run(partial(self._looked_at, pictures[start : start + BATCH]), "pictures", _small)
            )
        return _unit(rows)

    def _looked_at(self, pictures: Sequence[np.ndarray], batch: int) -> np.ndarray:
        """Return the vectors of pictures, `batch` of them at a time."""
        rows = []
        for start in range(0, len(pictures), batch):
            inputs = self._processor(images=list(pictures[start : start + batch]), return_tensors="pt")
            rows.append(self._vectors(self._model.get_image_features(**self._moved(inputs))))
        return np.concatenate(rows)

    @torch.no_grad()
    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts, see `Encoder.texts`."""
        rows = []
        for start in range(0, len(texts), BATCH):
            inputs = self._processor(
                text=self._cased(texts[start : start + BATCH]),
                padding=self._padding,
                truncation=True,
                max_length=self._longest(),
                return_tensors="pt",
            )
            rows.append(self._vectors(self._model.get_text_features(**self._moved(inputs))))
        return _unit(rows)

    def _cased(self, texts: Sequence[str]) -> list[str]:
        """Return texts in lower case for SigLIP, which knows no other and whose tokenizers do not all convert."""
        return [text.lower() for text in texts] if self._padding == "max_length" else list(texts)

    def _longest(self) -> int:
        positions = int(self._model.config.text_config.max_position_embeddings)
        return min(PADDED_LENGTH, positions) if self._padding == "max_length" else positions

    def _moved(self, inputs: Any) -> dict[str, torch.Tensor]:
        return {
            key: value.to(self._model.device, self._model.dtype if value.is_floating_point() else None)
            for key, value in inputs.items()
        }

    @staticmethod
    def _vectors(output: Any) -> np.ndarray:
        # transformers 4 returned the vectors, 5 returns them as the pooled output.
        vectors = getattr(output, "pooler_output", output)
        return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)


def load_encoder(model: str | Path, device: str = "auto") -> TransformersEncoder:
    """Load an encoder from a folder of weights, or by its name on the hub.

    device: auto (a GPU if there is one), cpu, ...

    Raises WeightsError if there are no such weights, or they are of another kind; MaskError without transformers.
    """
    kind = read_config(model).model_type
    if kind not in FAMILIES:
        raise WeightsError(
            f"{model} is a {kind} model, which does not embed pictures and words in one space; "
            f"give one of the kinds {', '.join(FAMILIES)}"
        )
    network = load_network(model, "AutoModel", device_named(device))
    return TransformersEncoder(network, load_processor(model), f"{kind}:{Path(str(model)).name}")


def _small(reason: str) -> WeightsError:
    return WeightsError(f"there is no memory for the model, even for one picture at a time ({reason}); {LESS_MEMORY}")


def _unit(rows: list[np.ndarray]) -> np.ndarray:
    vectors = np.concatenate(rows) if rows else np.zeros((0, 1), np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit
