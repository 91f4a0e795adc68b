"""Reads the small YAML tables an operator may extend or edit; every complaint carries file:line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import yaml

from smart.errors import ConfigError, Problem

INT, STR, BOOL = "tag:yaml.org,2002:int", "tag:yaml.org,2002:str", "tag:yaml.org,2002:bool"
MAX_BYTES = 1 << 20


class Row:
    """One mapping of a file. Readers note a mistake and go on, so that all mistakes are told at once."""

    def __init__(self, file: YamlFile, node: yaml.MappingNode, where: str, known: Collection[str]) -> None:
        self._file = file
        self._where = where
        self.line = node.start_mark.line + 1
        self._nodes: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if known and name not in known:
                file.wrong(key, self._path(name), f"unknown key (known: {', '.join(known)})")
            elif name in self._nodes:
                file.wrong(key, self._path(name), "given twice")
            else:
                self._nodes[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def wrong(self, name: str, message: str) -> None:
        """Note a mistake in a value of this row."""
        node = self._nodes.get(name)
        if node is None:
            self._file.problem(self.line, self._path(name), message)
        else:
            self._file.wrong(node, self._path(name), message)

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        """A string or number as text; empty counts as missing."""
        node = self._nodes.get(name)
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            if required:
                self.wrong(name, "is missing")
            return default
        if not isinstance(node, yaml.ScalarNode) or node.tag not in (STR, INT):
            self.wrong(name, "must be a text")
            return default
        return str(node.value)

    def flag(self, name: str, default: bool) -> bool:
        """A boolean: true or false."""
        node = self._nodes.get(name)
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode) or node.tag != BOOL:
            self.wrong(name, "must be true or false")
            return default
        return str(node.value).lower() in ("true", "yes", "on")

    def texts(self, name: str) -> list[str]:
        """A list of strings or numbers as text."""
        node = self._nodes.get(name)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(name, "must be a list")
            return []
        found = []
        for item in node.value:
            if isinstance(item, yaml.ScalarNode) and item.tag in (STR, INT) and item.value:
                found.append(str(item.value))
            else:
                self._file.wrong(item, self._path(name), "must be a list of texts")
        return found

    def row(self, name: str, known: Collection[str]) -> Row | None:
        """A mapping inside this one; `known` empty: any keys."""
        node = self._nodes.get(name)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            self.wrong(name, "must be a mapping")
            return None
        return Row(self._file, node, self._path(name), known)

    def rows(self, name: str, known: Collection[str]) -> list[Row]:
        """A list of mappings."""
        node = self._nodes.get(name)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(name, "must be a list")
            return []
        found = []
        for item in node.value:
            if isinstance(item, yaml.MappingNode):
                found.append(Row(self._file, item, self._path(name), known))
            else:
                self._file.wrong(item, self._path(name), "must be a list of mappings")
        return found

    def _path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name


class YamlFile:
    """One file and the mistakes found in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def problem(self, line: int, field: str, message: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(str(self.path), line, field, message))

    def wrong(self, node: yaml.Node, field: str, message: str) -> None:
        """Note a mistake at a node."""
        self.problem(node.start_mark.line + 1, field, message)

    def top(self, known: Collection[str]) -> Row:
        """The mapping a file consists of. Raises ConfigError when the file cannot be read or is no mapping."""
        try:
            data = self.path.read_bytes()
            if len(data) > MAX_BYTES:
                raise ConfigError(f"{self.path}: larger than {MAX_BYTES} bytes")
            node = yaml.compose(data.decode("utf-8"), Loader=_NoAliases)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigError(f"{self.path}:{line}: is not UTF-8") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            raise ConfigError(f"{self.path}:{line}: {error.problem}") from error
        except yaml.YAMLError as error:
            raise ConfigError(f"{self.path}: {error}") from error
        if node is None:
            node = yaml.MappingNode("tag:yaml.org,2002:map", [], yaml.Mark("", 0, 0, 0, "", 0), None)
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{self.path}:{node.start_mark.line + 1}: must be a mapping")
        return Row(self, node, "", known)

    def done(self) -> None:
        """Raise ConfigError with every mistake found, if any."""
        if self.problems:
            raise ConfigError("\n".join(str(problem) for problem in sorted(self.problems)))


class _NoAliases(yaml.SafeLoader):
    """Anchors are refused: a few lines of them unfold to gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "anchors and aliases are not used here", event.start_mark)
        compose: Callable[[yaml.Node | None, int], yaml.Node | None] = super().compose_node
        return compose(parent, index)
