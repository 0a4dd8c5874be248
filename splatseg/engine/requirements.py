"""The extra `cluster`, looked for before it is needed: help texts and jobs of one process do without it."""

from __future__ import annotations

from importlib.util import find_spec

from splatseg.errors import EngineError

INSTALL = 'pip install "splatseg[cluster]"'

NAMES = {"distributed": "Dask", "dask_jobqueue": "dask-jobqueue", "cryptography": "cryptography"}
"""Modules of the extra, and what people call them."""


def require(*modules: str) -> None:
    """Raise EngineError, with what to install, unless modules of the extra are there."""
    for module in modules:
        if find_spec(module) is None:
            raise EngineError(f"workers need {NAMES[module]}; install it with: {INSTALL}")
