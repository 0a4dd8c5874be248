"""Every example in the docstring of a public name runs and gives what it says; and every public name has one."""

from __future__ import annotations

import doctest
import inspect
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_runs
from PIL import Image

import splatseg

NAMES = sorted(
    name for name in splatseg.__all__ if inspect.isclass(getattr(splatseg, name)) or callable(getattr(splatseg, name))
)

WITHOUT = {"SplatsegError"}
"""Names whose use is shown elsewhere: an error is caught, not called."""


@pytest.fixture(scope="module")
def names_in_examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Names that examples use: a small run of the embedded capture, open as a scene, and a folder to write into."""
    run = small_runs.segmented(tmp_path_factory.mktemp("examples"))
    folder = tmp_path_factory.mktemp("written")
    spare = splatseg.open(shutil.copytree(run.path, folder / "spare")).run
    return {
        "splatseg": splatseg,
        "run": run,
        "spare": spare,  # to be changed
        "scene": splatseg.open(run.path),
        "capture": run.capture,
        "benchmark": _benchmark(folder / "benchmark" / "demo"),
        "encoder": Grey(),
        "folder": folder,
    }


def _benchmark(folder: Path) -> Path:
    """The masks of one thing in two views, in the layout of SPIn-NeRF."""
    folder.mkdir(parents=True)
    for name in ("000.png", "001.png"):
        ids = np.asarray(Image.open(splatseg.demo_capture() / "gt" / "instance" / name))
        Image.fromarray((ids == 5).astype(np.uint8) * 255).save(folder / name)
    return folder


class Grey:
    """An encoder that knows how bright a picture is."""

    name = "grey"

    def images(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Unit vectors (P,8), by brightness."""
        return self._unit(np.stack([np.histogram(picture, 8, (0, 256))[0] for picture in pictures]))

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (T,8), a direction a word."""
        return self._unit(np.stack([np.random.default_rng(list(text.encode())).random(8) for text in texts]))

    @staticmethod
    def _unit(rows: np.ndarray) -> np.ndarray:
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_public_name_run(name: str, names_in_examples: dict[str, Any], capsys: Any) -> None:
    finder = doctest.DocTestFinder(recurse=True, exclude_empty=True)
    value, globs = getattr(splatseg, name), dict(names_in_examples)
    kinds = [kind for kind in getattr(value, "__mro__", [value]) if kind.__module__.startswith("splatseg")]
    examples = [example for kind in kinds for example in finder.find(kind, name, module=False, globs=globs)]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    tried = 0
    for example in examples:
        if example.examples:
            tried += runner.run(example, clear_globs=False).attempted
    told = capsys.readouterr().out
    assert not runner.failures, told
    assert tried or name in WITHOUT, f"splatseg.{name} has no example in its docstring"


def test_an_example_that_is_wrong_would_be_found() -> None:
    def one() -> None:
        """Give one.

        Example:
            >>> 1 + 1
            3
        """

    (example,) = doctest.DocTestFinder().find(one, "one", module=False, globs={})
    assert doctest.DocTestRunner(verbose=False).run(example, out=lambda text: None).failed == 1


def test_a_small_run_is_what_examples_say_they_stand_on(names_in_examples: dict[str, Any]) -> None:
    assert names_in_examples["scene"].camera("012.jpg").width == 160
    assert isinstance(names_in_examples["folder"], Path)
