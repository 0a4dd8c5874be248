"""Kinds of films, by name."""

from typing import Literal

Codec = Literal["auto", "av1", "h264"]

FILM_SUFFIXES = (".mp4", ".webp", ".gif")
"""Suffixes of films that are one file."""
