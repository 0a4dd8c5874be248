"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Several workers of pytest-xdist share the cores; children of the tests take it over. Before torch is loaded.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

import hypothesis
import pytest
import torch

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.machine import devices
from splatseg.raster.interface import available_backends

LONGEST = ("test_examples.py", "test_kills.py", "test_protocols.py", "test_viewer_soak.py", "test_other_processors.py")
"""Files whose slow tests take longest: CI runs them first, lest one worker has them when the other has nothing left."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the other files, and the tests of each, keep their order."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


# Kernels that NVIDIA Warp compiles are kept with what else is built, and compiled once for all tests.
os.environ.setdefault("WARP_CACHE_PATH", str(Path(__file__).resolve().parents[1] / "build" / "warp"))

# How long an example takes says more of what else the machine does than of the code. CI tries the same examples each
# time, so that it judges the change and not the draw; everywhere else they are drawn anew.
hypothesis.settings.register_profile("splatseg", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("splatseg")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of development data (captures, splats); tests that need it skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SPLATSEG_DATA", default))
    if not folder.is_dir():
        pytest.skip("the development data is not here (set SPLATSEG_DATA to its folder)")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window: one a process, since Playwright's loop runs in the main thread until it is closed and
    bears no second one there (coroutines of tests run aside: `awaited`)."""
    from browser_tab import FLAGS, chromium

    program = chromium()
    if program is None:
        pytest.skip("there is no Chromium here (looked for chromium, chromium-browser, google-chrome)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(autouse=True)
def machine_as_before() -> Iterator[None]:
    """Undo what a test did to the process: SIMD level, threads, device. The fits of later tests follow from them."""
    level, threads = _native.simd_level(), torch.get_num_threads()
    yield
    _native.use_simd_level(level)
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    devices.use(None)


@pytest.fixture
def set_threads() -> Callable[[int], None]:
    """A function that sets the number of torch's threads; the test's end undoes it."""
    return torch.set_num_threads


@pytest.fixture(params=_native.simd_levels())
def simd_level(request: pytest.FixtureRequest) -> str:
    """Each SIMD level of this processor in turn."""
    level: str = request.param
    _native.use_simd_level(level)
    return level


@pytest.fixture(params=[*(f"native {level}" for level in _native.simd_levels()), "warp", "card"])
def fast_backend(request: pytest.FixtureRequest) -> str | None:
    """Each backend but the reference in turn, to be given as `backend`.

    These are the native one at each SIMD level; Warp on the processor; and on the card, if there is one, which is None:
    there tensors go by themselves.
    """
    name, _, level = request.param.partition(" ")
    if name == "card":
        if not torch.cuda.is_available():
            pytest.skip("there is no card")
        devices.use("cuda")
        return None
    if name not in available_backends():
        pytest.skip("NVIDIA Warp is not installed")
    _native.use_simd_level(level or _native.simd_level())
    return name
