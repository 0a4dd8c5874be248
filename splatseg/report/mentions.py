r"""Segments in the sentences of a report: kept by id, so that a page that was written can follow new names.

A sentence holds a mention, "\x02 id \x03", and no name. The page makes a link with the present name of it, in an
element that carries the id (`data-name-of`); the table of segments marks its names the same way. To rename is to
replace what stands in these elements: nothing is measured or drawn for it, and the photographs may be gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from splatseg.files import write_text

_MENTION = re.compile("\x02(\\d+)\x03")
_NAMED = re.compile(r'( data-name-of="(\d+)">)([^<]*)(?=<)')


def mention(segment: int) -> str:
    """Return the mention of a segment, for a sentence."""
    return f"\x02{segment}\x03"


def spoken(sentence: str, names: Mapping[int, str]) -> str:
    """Return a sentence with the names of the segments that it mentions; one without a name has its number."""
    return _MENTION.sub(lambda found: name_of(int(found[1]), names), sentence)


def linked(sentence: str, names: Mapping[int, str]) -> str:
    """Return a sentence as HTML, in which segments that are in the table are links to their rows."""
    return _MENTION.sub(lambda found: link_to(int(found[1]), names), escape(sentence))


def link_to(segment: int, names: Mapping[int, str]) -> str:
    """Return the name of a segment as HTML that links to its row, if it has one."""
    name = escape(name_of(segment, names))
    if segment not in names:
        return name
    return f'<a href="#segment-{segment}" data-segment-link="{segment}" data-name-of="{segment}">{name}</a>'


def name_of(segment: int, names: Mapping[int, str]) -> str:
    """Return the name of a segment, or its number as a name."""
    return names.get(segment, f"segment {segment}")


def rename_in_page(path: Path, names: Mapping[int, str]) -> bool:
    """Put the present names of segments into a page that was written with others; tell whether anything changed.

    Raises OSError for a page that cannot be read or written.
    """
    page = path.read_text(encoding="utf-8", errors="replace")
    renamed = _NAMED.sub(
        lambda found: f"{found[1]}{escape(names[key])}" if (key := int(found[2])) in names else found[0], page
    )
    if renamed == page:
        return False
    write_text(path, renamed)
    return True
