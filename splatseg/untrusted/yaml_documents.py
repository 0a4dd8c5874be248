"""YAML that people edit and strangers send: settings. See `documents`, whose `Field` gives access to the values."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import yaml

from splatseg.untrusted.documents import HALF, MALFORMED, DocumentError, Field, reason_of, shown, text_of, twice

DEEPEST = 64
"""Most levels of a YAML text; settings have four."""

MOST_YAML = 1 << 19
"""Most characters of a YAML text; settings have a few thousand."""


def read_yaml(path: Path) -> Field:
    """Read a YAML file. Raises FileNotFoundError if there is none, DocumentError if it is not readable as YAML."""
    return parse_yaml(text_of(path))


def parse_yaml(text: str) -> Field:
    """Read YAML from a text. Raises DocumentError with the line of bad syntax."""
    if len(text) > MOST_YAML:
        raise DocumentError(f"it has {len(text):,} characters, and settings have at most {MOST_YAML:,}")
    try:
        value = yaml.load(text, Loader=_Loader)
        return Field(value, halves=HALF.search(text) is not None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise DocumentError(line + " ".join((error.problem or error.context or "bad syntax").split())) from None
    except RecursionError:
        raise DocumentError("its lists and mappings are nested too deeply") from None
    except DocumentError:
        raise
    except (yaml.YAMLError, *MALFORMED) as error:
        raise DocumentError(reason_of(error)) from None


class _Loader(yaml.SafeLoader):
    """A safe loader of small documents, which tells the line of what is impossible, too deep or given twice."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise DocumentError(f"line {line}: an alias (*), which settings do not need; write the value out")
        self.depth += 1
        if self.depth > DEEPEST:
            raise RecursionError
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        make: Callable[..., Any] = super().construct_object
        try:
            return make(node, deep=deep)
        except (yaml.YAMLError, RecursionError, MemoryError):
            raise
        except MALFORMED as error:
            why = f" ({reason_of(error)})" if isinstance(error, ValueError) else ""
            problem = f"the value {shown(node.value)} is impossible{why}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        # A few merges of merges are billions of names, and nothing that splatseg writes has one.
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "merged mappings are not read", key.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(names)) < len(names):
            problem = f"the name {shown(twice(names))} is given twice"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping
