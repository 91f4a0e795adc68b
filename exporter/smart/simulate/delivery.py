"""What should be delivered and what was: letters and Telegram messages as pairs of receiver and headline."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser

from smart.simulate.smtp_sink import Letter
from smart.simulate.telegram import TelegramMessage

HEADLINE = re.compile(r"\[?(FIRING|RESOLVED)(?::\d+)?\]?\s+(\S+)")
BLOCKS = frozenset({"p", "div", "br", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3"})


@dataclass(frozen=True, slots=True, order=True)
class Delivered:
    """One message to one receiver, as far as a check compares it."""

    receiver: str  # address of a letter, number of a chat
    state: str  # FIRING or RESOLVED
    alert: str

    def __str__(self) -> str:
        return f"{self.state} {self.alert} to {self.receiver}"


def of_letter(letter: Letter) -> list[Delivered]:
    """One for each recipient of the envelope."""
    return [Delivered(address, *headline(letter.subject)) for address in letter.to]


def of_message(message: TelegramMessage) -> Delivered:
    return Delivered(str(message.chat), *headline(message.text))


def headline(text: str) -> tuple[str, str]:
    """State and alert of a subject or of a message's first line; a text without them is its own alert."""
    first = text.strip().partition("\n")[0]
    match = HEADLINE.match(first)
    return (match[1], match[2]) if match else ("", first)


def differences(
    expected: Iterable[Delivered], letters: Iterable[Letter], messages: Iterable[TelegramMessage]
) -> list[str]:
    """What is missing, what came twice, what nobody should have got; empty when all is right."""
    wanted = Counter(expected)
    got = Counter(item for letter in letters for item in of_letter(letter)) + Counter(map(of_message, messages))
    found = [f"missing: {item}" for item in sorted((wanted - got).elements())]
    for item, count in sorted((got - wanted).items()):
        found.append(f"delivered {count + wanted[item]} times: {item}" if item in wanted else f"not expected: {item}")
    return found


def readable(letter: Letter) -> str:
    """The letter as a person reads it: its plain part, else the HTML without tags."""
    if letter.text:
        return letter.text
    reader = _Reader()
    reader.feed(letter.html)
    lines = [" ".join(line.split()) for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    """Text of a page, a line for each block, addresses of links in brackets."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent = 0
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script", "title"):
            self._silent += 1
        if tag in BLOCKS:
            self.parts.append("\n• " if tag == "li" else "\n")
        if tag == "a":
            self._link = dict(attrs).get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script", "title"):
            self._silent -= 1
        if tag in BLOCKS:
            self.parts.append("\n")
        if tag == "a" and self._link:
            self.parts.append(f" ({self._link})")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)
