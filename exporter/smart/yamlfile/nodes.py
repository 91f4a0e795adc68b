"""One YAML file -> nodes with line numbers, or the reasons why it cannot be read.

Only plain YAML is taken: one document of mappings, lists and scalars. Anchors, aliases, tags, directives and merge keys
are refused, since nothing in a configuration needs them and bombs are made of them. Nodes are built here from PyYAML's
events, without recursion: its own composer overflows the C stack on a deeply nested file.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from smart.yamlfile.problems import Problems, named, place, shown

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 20
MAX_NODES = 300_000  # 2,000 clients need 40,000
MAX_LINES_SHOWN = 10  # of one kind of bad character

_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
# U+0085, U+2028 and U+2029 break lines in YAML 1.1 but in no editor: line numbers would be wrong.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_QUOTED = re.compile(r"'[^'\s<]{2,}'")


@dataclass(slots=True)
class Scalar:
    """A single value as written; `plain` when without quotes."""

    line: int
    text: str
    plain: bool


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """A mapping: keys with their lines, each key once."""

    line: int
    entries: dict[str, tuple[int, Node]] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


class _Refused(Exception):
    """The file cannot be read further; `line` 0 when there is none."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def read_mapping(path: Path, problems: Problems, *, may_be_empty: bool = False) -> Mapping | None:
    """The mapping a YAML file holds, or None after a problem was noted."""
    file = named(path)
    try:
        text = _decode(_read_bytes(path))
        if not _characters_are_good(text, file, problems):
            return None
        root = _Composer(file, problems).compose(text)
    except _Refused as refusal:
        problems.add(file, refusal.line, "", refusal.message)
        return None
    if root is None and may_be_empty:
        return Mapping(1)
    if root is None:
        problems.add(file, 0, "", "is empty (a mapping of keys and values is needed)")
    elif not isinstance(root, Mapping):
        kind = "a list" if isinstance(root, Sequence) else "a single value"
        problems.add(file, root.line, "", f"must be a mapping of keys and values (key: value), not {kind}")
    else:
        return root
    return None


def _read_bytes(path: Path) -> bytes:
    """The content of a regular file of a bearable size."""
    try:
        state = path.stat()  # before opening: opening a pipe would wait for ever
        if not stat.S_ISREG(state.st_mode):
            raise _Refused(0, "is not a regular file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _Refused(0, "is a symbolic link to nothing" if path.is_symlink() else "there is no such file") from None
    except OSError as error:
        raise _Refused(0, f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise _Refused(0, f"is larger than {MAX_BYTES // 1024**2} MiB; split it or look what got into it")
    return data


def _decode(data: bytes) -> str:
    """UTF-8 text, with or without a byte order mark."""
    if data.startswith(_UTF16):
        raise _Refused(1, "is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The decoder counts after the byte order mark.
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        line = data.count(b"\n", 0, offset) + 1
        advice = "save the file as UTF-8"
        try:
            data.decode("cp1251")
            advice = "the file looks like windows-1251, save it as UTF-8"
        except UnicodeDecodeError:
            pass
        message = f"byte 0x{data[offset]:02X} at offset {offset} is not UTF-8; {advice}"
        raise _Refused(line, message) from None


def _characters_are_good(text: str, file: str, problems: Problems) -> bool:
    """Are there only visible characters, spaces and line breaks? Notes each line that holds others."""
    if "\t" not in text and not _CONTROL.search(text):
        return True
    found = 0
    for number, line in enumerate(_LINE_BREAK.split(text), 1):
        control = _CONTROL.search(line)
        if control is None and "\t" not in line:
            continue
        found += 1
        if found > MAX_LINES_SHOWN:
            continue
        if control:
            message = f"control character U+{ord(control.group()):04X}; remove it"
        else:
            message = "tab character; write spaces instead"
        problems.add(file, number, "", message)
    if found > MAX_LINES_SHOWN:
        problems.add(
            file, 0, "", f"{found} lines hold tabs or control characters; the first {MAX_LINES_SHOWN} are listed"
        )
    return False


class _Composer:
    """Builds the nodes of one document from events, with a stack of its own."""

    def __init__(self, file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._stack: list[Sequence | Mapping] = []
        self._keys: list[Scalar | None] = []  # for each mapping of the stack, the key that waits for its value
        self._root: Node | None = None
        self._nodes = 0

    def compose(self, text: str) -> Node | None:
        """The root node; None when the file says nothing. Raises _Refused."""
        documents = 0
        for event in _events(text):
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(line, "a second YAML document begins here; keep one document (no ---) in a file")
                if event.version or event.tags:
                    raise _Refused(line, "directives such as %YAML and %TAG are not allowed; remove the line")
            elif isinstance(event, yaml.NodeEvent):
                self._add(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._stack.pop()
                self._keys.pop()
        return self._root

    def _add(self, event: yaml.NodeEvent, line: int) -> None:
        """One node begins: a scalar, a list or a mapping."""
        if isinstance(event, yaml.AliasEvent):
            raise _Refused(line, "aliases (*name) are not allowed; write the value out")
        if event.anchor is not None:
            raise _Refused(line, "anchors (&name) are not allowed; write the value out each time")
        if getattr(event, "tag", None) is not None:
            raise _Refused(line, "tags (!name) are not allowed; write the value without it")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _Refused(line, f"more than {MAX_NODES} values in one file")
        if isinstance(event, yaml.ScalarEvent):
            self._place(Scalar(line, event.value, not event.style), line)
            return
        if len(self._stack) >= MAX_DEPTH:
            raise _Refused(line, f"nested deeper than {MAX_DEPTH} levels")
        node = Mapping(line) if isinstance(event, yaml.MappingStartEvent) else Sequence(line)
        self._place(node, line)
        self._stack.append(node)
        self._keys.append(None)

    def _place(self, node: Node, line: int) -> None:
        """Puts a node where it belongs: root, next item, next key or the value of that key."""
        if not self._stack:
            # PyYAML makes one empty scalar of a document that says nothing.
            self._root = None if isinstance(node, Scalar) and node.plain and not node.text else node
            return
        parent = self._stack[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is not None:
            self._keys[-1] = None
            self._enter(parent, key, node)
        elif isinstance(node, Scalar):
            self._keys[-1] = node
        else:
            raise _Refused(line, "a key must be a word, not a list or a mapping")

    def _enter(self, parent: Mapping, key: Scalar, value: Node) -> None:
        if key.plain and key.text == "<<":
            message = "merge keys (<<) are not allowed; write the keys out"
            self._problems.add(self._file, key.line, "", message)
        elif key.text in parent.entries:
            first = place(self._file, parent.entries[key.text][0])
            message = f"is written twice in one mapping, first at {first}; keep one"
            self._problems.add(self._file, key.line, shown(key.text), message)
        else:
            parent.entries[key.text] = (key.line, value)


def _events(text: str) -> Iterator[yaml.Event]:
    """PyYAML's events; what it cannot read is refused with its line and without any of the file's own words."""
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reasons = [part for part in (error.context, error.problem) if part]
        # The parser may quote a word of the file, which may be a secret; single characters help and tell nothing.
        reason = _QUOTED.sub("…", " ".join(reasons))
        line = mark.line + 1 if mark else 0
        raise _Refused(line, f"is not YAML here: {reason} (check colons, quotes and indentation)") from None
    except (yaml.YAMLError, ValueError, OverflowError):
        raise _Refused(0, "is not YAML") from None
