"""Reads a message in Telegram's HTML mode as Telegram does: few tags, properly nested, or the message is refused."""

from __future__ import annotations

import re

STYLES = ("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "blockquote")
TAGS = frozenset((*STYLES, "a", "span", "tg-spoiler", "tg-emoji"))
ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
TOKEN = re.compile(rb"<|&(#[0-9]+|#[xX][0-9a-fA-F]+|[a-zA-Z]+);?")
ATTRIBUTE = re.compile(rb"\s*([^\s=>/\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([a-zA-Z0-9.-]+)))?\s*")


class EntityError(Exception):
    """The text cannot be parsed; the message is Telegram's, with byte offsets."""


def plain_text(source: str) -> tuple[str, tuple[str, ...]]:
    """The text as a person reads it and the addresses of its links; raises EntityError."""
    data = source.encode()
    text = bytearray()
    links: list[str] = []
    opened: list[str] = []
    position = 0
    while (token := TOKEN.search(data, position)) is not None:
        text += data[position : token.start()]
        if token[0] != b"<":
            text += _entity(token)
            position = token.end()
        elif data[token.end() : token.end() + 1] == b"/":
            position = _close(data, token.start(), opened)
        else:
            name, attributes, position = _open(data, token.start())
            opened.append(name)
            if name == "a" and attributes.get("href"):
                links.append(attributes["href"])
    if opened:
        raise EntityError(f'Can\'t find end tag corresponding to start tag "{opened[-1]}"')
    return (text + data[position:]).decode(), tuple(links)


def _entity(token: re.Match[bytes]) -> bytes:
    """An entity Telegram knows; any other stays as it is written."""
    name = token[1].decode()
    if name.startswith("#"):
        number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
        known = 0 < number < 0x110000 and not 0xD800 <= number < 0xE000
        return chr(number).encode() if known else token[0]
    return ENTITIES[name].encode() if name in ENTITIES else token[0]


def _open(data: bytes, start: int) -> tuple[str, dict[str, str], int]:
    match = re.compile(rb"[^\s>]*").match(data, start + 1)
    assert match is not None  # the pattern matches the empty string
    name = match[0].decode("utf-8", "replace").lower()
    if match.end() == len(data):
        raise EntityError(f"Unclosed start tag at byte offset {start}")
    if name not in TAGS:
        raise EntityError(f'Unsupported start tag "{name}" at byte offset {start}')
    attributes: dict[str, str] = {}
    position = match.end()
    while data[position : position + 1] != b">":
        found = ATTRIBUTE.match(data, position)
        if position >= len(data) or found is None or found.end() == position:
            if not data[position:].strip():
                raise EntityError(f"Unclosed start tag at byte offset {start}")
            if data[position : position + 1].isspace():
                position += 1
                continue
            raise EntityError(f'Empty attribute name in the tag "{name}" at byte offset {start}')
        value = next((part for part in found.groups()[1:] if part is not None), b"")
        attributes[found[1].decode("utf-8", "replace").lower()] = value.decode("utf-8", "replace")
        position = found.end()
    if name == "span" and attributes.get("class") != "tg-spoiler":
        raise EntityError(f'Tag "span" must have class "tg-spoiler" at byte offset {start}')
    return name, attributes, position + 1


def _close(data: bytes, start: int, opened: list[str]) -> int:
    if not opened:
        raise EntityError(f"Unexpected end tag at byte offset {start}")
    end = data.find(b">", start)
    if end < 0:
        raise EntityError(f"Unclosed end tag at byte offset {start}")
    name = data[start + 2 : end].decode("utf-8", "replace").strip().lower()
    expected = opened.pop()
    if name and name != expected:
        raise EntityError(f'Unmatched end tag at byte offset {start}, expected "</{expected}>", found "</{name}>"')
    return end + 1
