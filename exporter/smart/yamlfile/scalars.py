"""What is wrong with a single value before its meaning is looked at: type, length, hidden characters."""

from __future__ import annotations

import unicodedata

from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from smart.yamlfile.nodes import Scalar
from smart.yamlfile.problems import shown

_TAG_WORDS = {
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
    "null": "nothing",
}
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_RESOLVER = Resolver()


def is_empty(scalar: Scalar) -> bool:
    return scalar.text == "" or (scalar.plain and _plain_type(scalar.text) == "null")


def _plain_type(text: str) -> str:
    """How YAML 1.1 reads a word without quotes: str, bool, int, float, timestamp, null …"""
    tag = _RESOLVER.resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return str(tag).rpartition(":")[2]


def text_mistake(scalar: Scalar, longest: int) -> str:
    """Why a scalar cannot be taken as one line of text; empty when it can."""
    text = scalar.text
    kind = _plain_type(text) if scalar.plain else "str"
    if kind != "str":
        word = _TAG_WORDS.get(kind, "something special")
        return f"{shown(text)} without quotes is read as {word} by YAML; write it in quotes: '{shown(text)}'"
    if len(text) > longest:
        return f"is longer than {longest} characters"
    if "\n" in text:
        return "holds a line break; write one line"
    if not text.isprintable():
        for character in text:
            if unicodedata.category(character) in _INVISIBLE:
                return f"holds an invisible character U+{ord(character):04X}; remove it"
    if text != text.strip():
        return "begins or ends with a space"
    return ""
