"""The elements that a profile speaks of, as the tree the machine walks, and the text of an element."""

from __future__ import annotations

from collections.abc import Callable

from smart.sysinfo.layout import Place
from smart.sysinfo.records import RecordReader

LONGEST_TEXT = 1 << 20  # characters of one text that are kept


class Text:
    """The text of one open element, in the pieces in which it arrives."""

    __slots__ = ("lost", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.lost = 0

    def trim(self) -> None:
        """Keep no more than LONGEST_TEXT characters and count the rest; called from time to time."""
        if sum(map(len, self.pieces)) > LONGEST_TEXT:
            whole = "".join(self.pieces)
            self.lost += len(whole) - LONGEST_TEXT
            self.pieces[:] = [whole[:LONGEST_TEXT]]

    def take(self) -> str:
        """The text as the report has it; one that is too long ends with a note of how long it was."""
        pieces = self.pieces
        if self.lost or len(pieces) > 1:
            self.trim()
        text = pieces[0] if len(pieces) == 1 else "".join(pieces)
        pieces.clear()
        if self.lost:
            text += f"… [обрезано, всего знаков: {len(text) + self.lost}]"
            self.lost = 0
        return text


class Node:
    """One element that the profile speaks of."""

    __slots__ = ("append", "captures", "children", "clears", "end", "path", "reader", "sections", "start", "text")

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        self.children: dict[str, Node] = {}
        self.sections: list[str] = []  # kinds that are reported when this element is there
        self.clears: list[tuple[dict[str, str], str]] = []  # values that end where this element begins
        self.captures: list[tuple[Place, dict[str, str]]] = []  # values of this element that records elsewhere need
        self.reader: RecordReader | None = None
        self.text: Text | None = None
        self.append: Callable[[str], None] | None = None
        self.start: Callable[[dict[str, str]], None] | None = None
        self.end: Callable[[], None] | None = None
