"""Layouts of flattened masks (`masks.flatten`), by name."""

from typing import Literal

Layout = Literal["cgc", "gaussian-grouping"]
