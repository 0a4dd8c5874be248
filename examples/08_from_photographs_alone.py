"""No masks and no weights: proposals from the photographs, and words for what an encoder of your own sees."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

import splatseg

settings = splatseg.RunSettings.of(
    splatseg.CaptureSettings(path=str(splatseg.demo_capture()), downscale=2), masks="auto", iterations=300
)
run = splatseg.start_run(Path(mkdtemp(prefix="splatseg-example-")) / "run", settings)
splatseg.train_run(run)


COLORS = {"red": (0.7, 0.1, 0.1), "green": (0.2, 0.6, 0.3), "blue": (0.2, 0.3, 0.7), "yellow": (0.8, 0.7, 0.1)}


class Colors:
    """The smallest encoder there is: colours. For CLIP or SigLIP give the folder of its weights instead."""

    name = "colors"

    def images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """How near what is not greyed is to each colour; words of other things have directions of their own."""
        means = np.array([picture[(picture != 127).any(2)].mean(0) / 255 for picture in pictures])
        apart = np.linalg.norm(means[:, None] - np.array(list(COLORS.values())), axis=2)
        return self._unit(np.pad(np.exp(-((apart / 0.25) ** 2)), ((0, 0), (0, 60)), constant_values=0.02))

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """The colour that a text names, else a direction of its own."""
        rows = np.zeros((len(texts), len(COLORS) + 60))
        for row, text in zip(rows, texts, strict=True):
            named = [number for number, word in enumerate(COLORS) if word in text.split()]
            row[len(COLORS) :] = np.random.default_rng(list(text.encode())).normal(size=60) / 8
            row[named] = 2.0
        return self._unit(rows)

    @staticmethod
    def _unit(rows: np.ndarray) -> np.ndarray:
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


encoder = Colors()
print(splatseg.describe_run(run, encoder, vocabulary=[*COLORS, *(f"word {number}" for number in range(40))]))
scene = splatseg.open(run.path)
scene.use_words(encoder)
for words in ("something red", "something yellow", "a zeppelin"):
    try:
        found = scene.text(words)
        print(f"{words}: {found.count} Gaussians; {'; '.join(found.facts)}")
    except splatseg.errors.NotFoundError as refusal:
        print(refusal)
