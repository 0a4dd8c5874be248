"""Names of views matched to those of files by what remains unique: masks, true label maps and photographs.

Names of views are paths with the suffix of their image, keys paths of files without theirs. For the view "left/a.b.jpg"
these are tried, each by itself:

1. left/a.b, or left/a.b.jpg as COLMAP writes masks;
2. the last parts of the path, as many as both have in common: images/left/a.b, left/a.b, a.b;
3. the part before the first dot (a), which the code of Contrastive Gaussian Clustering takes for the name;
4. as 2, in another case or Unicode form, as other systems write names (`capture.names`);
5. as 2, letters and digits alone: blanks and signs may differ, "%20" is a blank, and what annotation tools add is taken
   off, Label Studio's 8 hex digits ("1a2b3c4d-a.b"), Roboflow's "a-b_jpg.rf.<hash>"; folders may have become a part of
   the name ("left_a.b") or the other way round;
6. with what is the same before and behind all names: "mask_a.b", "left/a.b_seg";
7. the words and numbers that are not the same in all names: "mask 12" for "frame_00012", if either all keys have a view
   or all views a key, so that files numbered from 0 are not taken for views numbered from 1.

All but the first need a name that is unique on both sides.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from splatseg.capture.images import IMAGE_SUFFIXES, stem_of
from splatseg.capture.names import folded

LONGEST = 255
"""Most letters of a name that file systems take; a data set can state longer ones."""

DEEPEST = 6
"""Most parts of a path, from its end, that are compared."""

_UPLOAD = re.compile(r"^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8})[-_]", re.IGNORECASE)
"""Prefix that Label Studio gives to uploaded files."""

_ROBOFLOW = re.compile(r"(?:[_.](?:jpe?g|png|webp|bmp|tiff?|heic|avif))?\.rf\.[0-9a-z]+$", re.IGNORECASE)
"""Suffix that Roboflow gives to exported files."""

_WORD = re.compile(r"\d+|[^\W\d_]+")
"""A number or a word of a name."""

_OF_OBJECTS = {"object", "obj", "id", "part", "class"}
"""Words before the number of an object; behind others stands that of a view."""


class _Names:
    """Names and the forms in which they are compared, each made once; all by the place of their name."""

    def __init__(self, names: Iterable[str]) -> None:
        self.all = tuple(names)

    @cached_property
    def exact(self) -> list[list[str]]:
        """Parts of the paths without suffix."""
        return [stem_of(name).split("/") for name in self.all]

    @cached_property
    def folded(self) -> list[list[str]]:
        """The same parts, in which other cases and Unicode forms are equal."""
        return [folded("/".join(parts)).split("/") for parts in self.exact]

    @cached_property
    def plain(self) -> list[list[str]]:
        """The same parts as letters and digits with single dashes, without what annotation tools add."""
        return [[*map(_plain, parts[:-1]), _plain(_without_additions(parts[-1]))] for parts in self.exact]

    @cached_property
    def depth(self) -> int:
        """Parts of the longest path, as far as they are compared."""
        return min(DEEPEST, max((len(parts) for parts in self.exact), default=1))

    def unique(self, forms: Iterable[str]) -> dict[str, str]:
        """Return names by their forms, without empty forms and those that several names have."""
        made = list(forms)
        times = Counter(made)
        return {form: name for form, name in zip(made, self.all, strict=True) if form and times[form] == 1}


def _ends(parts_of: Iterable[Sequence[str]], depth: int, joint: str = "/") -> list[str]:
    """Return the last parts of paths, or with depth 0 all; empty for shorter paths."""
    return [joint.join(parts[-depth:]) if len(parts) >= depth else "" for parts in parts_of]


def match_names(names: Sequence[str], keys: Collection[str], by_words: bool = True) -> dict[str, str]:
    """Return the key of each view name that has one, by the rules of the module; by_words: also by the last."""
    views, files = _Names(names), _Names(keys)
    found = _strictly(views, files)
    _add_closely(found, views, files)
    for last_alone in (True, False):
        _add_affixed(found, _affixed(views, files, last_alone))
    if by_words:
        _add_by_words(found, views, files)
    return {name: found[name] for name in names if name in found}


def match_closely(names: Sequence[str], keys: Collection[str]) -> dict[str, str]:
    """Return the key of each view name that has one by the first five rules, which need no other names to compare."""
    views, files = _Names(names), _Names(keys)
    found = _strictly(views, files)
    _add_closely(found, views, files)
    return found


def match_strictly(names: Sequence[str], keys: Collection[str]) -> dict[str, str]:
    """Return the key of each view name that has one by the first four rules, in the order of the rules."""
    return _strictly(_Names(names), _Names(keys))


def affixed_names(names: Sequence[str], keys: Collection[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the keys of views, by view name, for each pair of what stands before and behind the names in them."""
    return _affixed(_Names(names), _Names(keys), last_alone=False)


def pictures_below(folder: Path, pattern: str = "**/*") -> list[Path]:
    """Return the pictures in a folder, without hidden files and the ignore masks that brush keeps beside them."""
    files = (file for file in folder.glob(pattern) if file.suffix.lower() in IMAGE_SUFFIXES)
    return sorted(file for file in files if not file.name.startswith(".") and not file.stem.endswith(".mask"))


def photographs_called_otherwise(
    folder: Path, pictures: Collection[Path], names: Sequence[str], found: Mapping[str, Path]
) -> dict[str, Path]:
    """Return the pictures, some files in or near a folder, of names of photographs that no file has.

    found: files of names that have one. Only if there are none may names differ by more than folders, suffix, signs and
    spelling: some that differ so among others are of other pictures.
    """
    keys = {Path(os.path.relpath(picture, folder)).as_posix(): picture for picture in pictures}
    alike = match_closely(names, keys) if found else match_names(names, keys)
    taken = set(found.values())
    return {name: keys[key] for name, key in alike.items() if name not in found and keys[key] not in taken}


def unclear_names(
    names: Sequence[str], keys: Collection[str], found: Mapping[str, str]
) -> tuple[list[str], list[str]] | None:
    """Return names of views and keys, more than one of either, that are alike and of which none is matched, or None."""
    used = set(found.values())
    views, files = _Names(names), _Names(key for key in keys if key not in used)
    folded_forms = (_ends(views.folded, 1), _ends(files.folded, 1))
    for view_forms, file_forms in (folded_forms, (_ends(views.plain, 1), _ends(files.plain, 1))):
        of_views: dict[str, list[str]] = {}
        for form, name in zip(view_forms, views.all, strict=True):
            of_views.setdefault(form, []).append(name)
        alike: dict[str, list[str]] = {}
        for form, key in zip(file_forms, files.all, strict=True):
            if form in of_views:
                alike.setdefault(form, []).append(key)
        for form, several in alike.items():
            left = [name for name in of_views[form] if name not in found]
            if left and len(left) == len(of_views[form]) and len(left) + len(several) > 2:
                return left, several
    around: dict[str, set[str]] = {}
    for matched in _affixed(views, files, last_alone=False).values():
        for name, key in matched.items():
            if name not in found:
                around.setdefault(name, set()).add(key)
    return next((([name], sorted(several)) for name, several in around.items() if len(several) > 1), None)


def _strictly(views: _Names, files: _Names) -> dict[str, str]:
    """Match by the first four rules."""
    known = set(files.all)
    found = {name: key for name in views.all for key in (name, stem_of(name)) if key in known}
    depths = range(min(views.depth, files.depth), 0, -1)
    for depth in depths:
        _add(found, views.unique(_ends(views.exact, depth)), files.unique(_ends(files.exact, depth)))
    # The part before the first dot, if no view is called so.
    lasts = _ends(views.exact, 1)
    stems = set(lasts)
    starts = [start if (start := last.split(".")[0]) not in stems else "" for last in lasts]
    _add(found, views.unique(starts), files.unique(_ends(files.exact, 1)))
    for depth in depths:
        if len(found) < len(views.all):
            _add(found, views.unique(_ends(views.folded, depth)), files.unique(_ends(files.folded, depth)))
    return found


def _add_closely(found: dict[str, str], views: _Names, files: _Names) -> None:
    """Match by the fifth rule: parts from the end, and a whole path with as many parts of the other."""
    both = [(depth, depth) for depth in range(min(views.depth, files.depth), 0, -1)]
    whole = [(0, depth) for depth in range(files.depth, -1, -1)] + [(depth, 0) for depth in range(views.depth, 0, -1)]
    for view_depth, file_depth in both + whole:
        if len(found) == len(views.all):
            return
        view_forms, file_forms = _ends(views.plain, view_depth, "-"), _ends(files.plain, file_depth, "-")
        _add(found, views.unique(view_forms), files.unique(file_forms))


def _add(found: dict[str, str], views: Mapping[str, str], files: Mapping[str, str]) -> None:
    """Add the pairs of views and keys that share a form, of those that have no partner yet."""
    used = set(found.values())
    for common in views.keys() & files.keys():
        if views[common] not in found and files[common] not in used:
            found[views[common]] = files[common]


def _without_additions(last: str) -> str:
    """Return the last part of a path without what annotation tools add, and without the suffix in it."""
    return stem_of(_ROBOFLOW.sub("", _UPLOAD.sub("", unquote(last))))


def _plain(part: str) -> str:
    return re.sub(r"[\W_]+", "-", folded(part)).strip("-")


def _affixed(views: _Names, files: _Names, last_alone: bool) -> dict[tuple[str, str], dict[str, str]]:
    """Return keys by view for each pair of what stands before and behind names, of whole paths or their last parts."""
    depth = 1 if last_alone else 0
    view_forms, file_forms = views.unique(_ends(views.folded, depth)), files.unique(_ends(files.folded, depth))
    pairs: dict[tuple[str, str], dict[str, str]] = {}
    lengths = {len(common) for common in view_forms}
    for common, key in file_forms.items():
        for start, end in _spans(common, lengths):
            if common[start:end] in view_forms and "/" not in common[:start] + common[end:]:
                pairs.setdefault((common[:start], common[end:]), {})[view_forms[common[start:end]]] = key
    return pairs


def _add_affixed(found: dict[str, str], pairs: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
    """Match by the sixth rule: of all pairs of what stands before and behind names, the only most frequent one."""
    used = set(found.values())
    left = [
        {name: key for name, key in matched.items() if name not in found and key not in used}
        for matched in pairs.values()
    ]
    most = max(map(len, left), default=0)
    best = [matched for matched in left if len(matched) == most]
    if len(best) == 1:
        found.update(best[0])


def _spans(text: str, lengths: Collection[int]) -> list[tuple[int, int]]:
    """Return the spans of a name, of some lengths, that neither cut a word nor a number; none of an endless name."""
    if len(text) > LONGEST:
        return []
    cuts = {0, *(i for i in range(1, len(text)) if _kind(text[i - 1]) != _kind(text[i])), len(text)}
    return [(start, start + length) for start in cuts for length in lengths if start + length in cuts]


def _kind(letter: str) -> int:
    """Return 0 for a sign, each of which is by itself, 1 for a letter, 2 for a digit."""
    return 2 if letter.isdigit() else 1 if letter.isalpha() else 0


def _add_by_words(found: dict[str, str], views: _Names, files: _Names) -> None:
    """Match by the last rule, numbers as they are written first and then by their value."""
    if len(found) == len(views.all) or len(views.all) < 2:
        return
    of_views = [_words(parts) for parts in views.plain]
    numbered = all(any(map(str.isdigit, words)) for words in of_views)
    named = [(key, _words(parts)) for key, parts in zip(files.all, files.plain, strict=True)]
    # Names without a number, where all views have one, are of no view and may lack the words that the others share.
    named = [(key, words) for key, words in named if any(map(str.isdigit, words)) or not numbered]
    if len(named) < 2 or any(before in _OF_OBJECTS for _, words in named for before in words):
        return
    kept, of_files = _Names(key for key, _ in named), [words for _, words in named]
    for by_value in (False, True):
        views_by = views.unique(_what_differs(of_views, by_value))
        files_by = kept.unique(_what_differs(of_files, by_value))
        # One side may have more; if both have, names that are alike may be of different numberings.
        if views_by.keys() <= files_by.keys() or files_by.keys() <= views_by.keys():
            _add(found, views_by, files_by)


def _words(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the words and numbers of a path, none of an endless one."""
    path = "-".join(parts)
    return tuple(_WORD.findall(path)) if len(path) <= LONGEST else ()


def _what_differs(words_of: Sequence[Sequence[str]], by_value: bool) -> list[str]:
    """Return the words of each name that not all have, as one text; by_value: numbers without zeros before them."""
    same = set.intersection(*map(set, words_of))

    def form(word: str) -> str:
        return word.lstrip("0") or "0" if by_value and word.isdigit() else word

    return ["-".join(form(word) for word in words if word not in same) for words in words_of]
