r"""Texts of strangers made plain: names of segments, views, files and words, for a terminal and for names of files.

A terminal obeys control characters (ESC moves its cursor, BEL rings), and characters that no one sees turn the order of
those that one sees. Here they are shown as Python escapes them ("\x1b", "\u202e"); data files keep the true text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

LONGEST_LINE = 4_000
"""Most characters of a line on the terminal: more than any path has, and no flood."""

LONGEST_NAME = 80
"""Most characters of a name among others in a line or a table."""

LONGEST_STEM = 120
"""Most bytes of a name in the name of a file; file systems take 255, with what is put before and behind it."""

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""Controls (C0 but tab and newline, C1), separators of lines, direction marks, invisible characters, halves of
characters. Joiners (U+200C, U+200D) stay: scripts and emoji need them."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names that Windows gives to devices, whatever their suffix."""


def for_terminal(text: str) -> str:
    """Return lines of text with everything that a terminal would obey or hide shown as escapes; long lines are cut."""
    return "\n".join(_cut(line, LONGEST_LINE) for line in _UNSAFE.sub(_escaped, text).split("\n"))


def one_line(text: str) -> str:
    """Return a text on one line, as `for_terminal` does; an end of line is shown as an escape too."""
    return for_terminal(text.replace("\n", "\\n"))


def short_name(name: str) -> str:
    """Return a name on one line, as `one_line` does, cut to a length that leaves room for others."""
    return _cut(one_line(name), LONGEST_NAME)


def first_few(names: Sequence[str], most: int = 3) -> str:
    """Return the first of some names for a message, and dots if there are more."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def counted(text: str) -> int | str:
    """Return the number that a text is, thousands separated; any other text as it is."""
    return int(text.replace(",", "")) if re.fullmatch(r"\d{1,3}(,\d{3})+|\d+", text) else text


def size_of_file(size: int) -> str:
    """Return a number of bytes as programs that show files do: 1.2 MB, 11.6 kB."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def file_stem(name: str, joint: str = "_") -> str:
    """Return the name of a segment as a part of the name of a file that every system takes.

    Letters and digits of any script, dots and dashes stay, all else becomes the joint; devices of Windows get one more.
    A name of which nothing is left is "segment".
    """
    plain = re.sub(r"[^\w.-]+", joint, unicodedata.normalize("NFC", name))
    plain = plain.encode("utf-8", errors="replace")[:LONGEST_STEM].decode("utf-8", errors="ignore").strip("._-")
    return f"{plain}{joint}" if _RESERVED.fullmatch(plain) else plain or "segment"


def _escaped(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"
