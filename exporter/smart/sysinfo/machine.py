"""Drives one report's elements through its profile: a tree of the elements that matter, all others are skipped.

A report has tens of thousands of elements, so a known element costs one look-up and one call at its start and at its
end, a skipped one a counter, and text is collected by C code, only where a field is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any, NoReturn
from xml.parsers.expat import XMLParserType

from smart.errors import RejectReason, ReportRejected
from smart.sysinfo.layout import KindRule, Place, Profile
from smart.sysinfo.nodes import Node, Text
from smart.sysinfo.records import OWN_TEXT, RecordReader, describe
from smart.sysinfo.values import PRESENT

DEEPEST = 64  # elements inside each other

Emit = Callable[[tuple[Any, ...]], None]
_Start = Callable[[str, dict[str, str]], None]
_End = Callable[[str], None]


class Machine:
    """Handlers of expat for one report.

    `emits` takes the values of each finished record of the small kinds; all other kinds gather in `readers`.
    """

    def __init__(self, parser: XMLParserType, profile: Profile, zone: tzinfo, emits: Mapping[str, Emit]) -> None:
        self.sections: set[str] = set()
        self._parser = parser
        self._emits = emits
        self.readers: dict[str, RecordReader] = {}
        self._root = Node(())
        for rule in profile.kinds.values():
            self.readers[rule.kind] = RecordReader(rule, zone)
            self._add(rule, self.readers[rule.kind])
        self._prepare(self._root)
        self._stack: list[Node] = []

    def _node(self, path: tuple[str, ...]) -> Node:
        node = self._root
        for depth, name in enumerate(path):
            node = node.children.setdefault(name, Node(path[: depth + 1]))
        return node

    def _add(self, rule: KindRule, reader: RecordReader) -> None:
        """Put one kind into the tree."""
        record = self._node(rule.path)
        record.reader = reader
        self._node(rule.section).sections.append(rule.kind)
        for place in {field.place: None for field in rule.fields if field.place is not None}:
            node = self._node(place.path)
            if place.text:
                node.text = node.text or Text()
                node.append = node.text.pieces.append
            if node is record and (place.text or place.attribute is not None):
                continue
            inside = place.path[: len(rule.path)] == rule.path
            values = reader.inner if inside else reader.outer
            node.captures.append((place, values))
            shared = 0
            while place.path[: shared + 1] == rule.path[: shared + 1] and shared < min(len(place.path), len(rule.path)):
                shared += 1
            self._node(rule.path[:shared]).clears.append((values, str(place)))

    def _prepare(self, node: Node) -> None:
        """Make the two calls of an element out of what has to happen there."""
        for child in node.children.values():
            self._prepare(child)
        begin = self._begin(node) if node.sections or node.clears or node.captures else None
        reader = node.reader
        if reader is None:
            node.start = begin
            if node.text is not None:
                node.end = lambda: self._capture_text(node)
            return
        is_bulk = reader.kind not in self._emits
        opened = self._gather(node, reader) if is_bulk and not node.children else self._open(reader)
        if begin is None:
            node.start = opened
        else:

            def both(attributes: dict[str, str]) -> None:
                begin(attributes)
                opened(attributes)

            node.start = both
        if not is_bulk or node.children:
            node.end = self._close(node, reader)
        elif node.text is not None:
            node.end = self._close_text(node, reader, node.text)

    def _begin(self, node: Node) -> Callable[[dict[str, str]], None]:
        """Note the section and keep the attributes that records elsewhere need."""

        def begin(attributes: dict[str, str]) -> None:
            self.sections.update(node.sections)
            for values, key in node.clears:
                values.pop(key, None)
            for place, values in node.captures:
                if place.attribute is not None:
                    value = attributes.get(place.attribute)
                elif place.text:
                    continue
                else:
                    value = PRESENT
                if value is not None:
                    self._keep(values, place, value)

        return begin

    def _keep(self, values: dict[str, str], place: Place, value: str) -> None:
        if values.setdefault(str(place), value) is not value:
            self.refuse(RejectReason.WRONG_LAYOUT, f"указано дважды: {describe(place)}")

    def _capture_text(self, node: Node) -> None:
        """Hand an element's text to the records that need it."""
        text = node.text.take() if node.text is not None else ""
        if node.reader is not None:
            node.reader.raw[OWN_TEXT] = text
        for place, values in node.captures:
            if place.text:
                self._keep(values, place, text)

    def _gather(self, node: Node, reader: RecordReader) -> Callable[[dict[str, str]], None]:
        """A bulk record without children that matter: nothing but its text can come after its start."""
        parser, outer = self._parser, reader.outer
        keep, mark = reader.raws.append, reader.marks.append
        has_text = node.text is not None

        def gather(attributes: dict[str, str]) -> None:
            if outer:
                attributes.update(outer)
            keep(attributes)
            mark(parser.CurrentByteIndex)
            if has_text:
                reader.raw = attributes
                reader.is_open = True

        return gather

    def _close_text(self, node: Node, reader: RecordReader, text: Text) -> Callable[[], None]:
        """The end of a bulk record that `_gather` began."""
        if node.captures:

            def capture() -> None:
                self._capture_text(node)
                reader.is_open = False

            return capture
        take, pieces = text.take, text.pieces

        def close_text() -> None:
            # One piece that was never trimmed is nearly every text.
            reader.raw[OWN_TEXT] = pieces.pop() if len(pieces) == 1 and not text.lost else take()
            reader.is_open = False

        return close_text

    def _open(self, reader: RecordReader) -> Callable[[dict[str, str]], None]:
        def opened(attributes: dict[str, str]) -> None:
            reader.raw = attributes
            reader.line = self._parser.CurrentLineNumber  # the element may be long: its end would say nothing

        return opened

    def _close(self, node: Node, reader: RecordReader) -> Callable[[], None]:
        """A record that is finished at the end of its element."""
        emit = self._emits.get(reader.kind)

        def close() -> None:
            if node.text is not None:
                self._capture_text(node)
            raw = reader.raw
            raw.update(reader.outer)
            raw.update(reader.inner)
            if emit is None:
                reader.raws.append(raw)
                reader.marks.append(-reader.line)
                return
            try:
                emit(reader.build(raw))
            except ReportRejected as rejected:
                rejected.line = reader.line
                raise

        return close

    def refuse(self, reason: RejectReason, text: str) -> NoReturn:
        raise ReportRejected(reason, text, self._parser.CurrentLineNumber)

    def trim_texts(self) -> None:
        """Keep the texts that are open from growing without end; called after every piece of the file."""
        for node in self._stack:
            if node.text is not None:
                node.text.trim()

    def run(self, attributes: dict[str, str]) -> None:
        """Take over the parser inside the start of the root element."""
        parser, stack = self._parser, self._stack
        node = self._root
        push, pop = stack.append, stack.pop

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal node
            child = node.children.get(name) or node.children.get(name.rpartition(":")[2])
            if child is None:
                self._skip(start, end, node.append)
                return
            push(child)
            node = child
            if child.start is not None:
                child.start(attributes)
            parser.CharacterDataHandler = child.append

        def end(_name: str) -> None:
            nonlocal node
            if node.end is not None:
                node.end()
            pop()
            if stack:
                node = stack[-1]
                parser.CharacterDataHandler = node.append

        push(node)
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        if node.start is not None:
            node.start(attributes)
        parser.CharacterDataHandler = node.append

    def _skip(self, start: _Start, end: _End, append: Callable[[str], None] | None) -> None:
        """Count elements until the unknown one that has just begun ends, then go on with the handlers given."""
        parser, depth = self._parser, len(self._stack)
        skipped = 1

        def skip(_name: str, _attributes: dict[str, str]) -> None:
            nonlocal skipped
            skipped += 1
            if skipped + depth > DEEPEST:
                self.refuse(RejectReason.WRONG_LAYOUT, f"элементы вложены друг в друга глубже {DEEPEST} уровней")

        def skip_end(_name: str) -> None:
            nonlocal skipped
            skipped -= 1
            if not skipped:
                parser.StartElementHandler = start
                parser.EndElementHandler = end
                parser.CharacterDataHandler = append

        parser.StartElementHandler = skip
        parser.EndElementHandler = skip_end
        parser.CharacterDataHandler = None
