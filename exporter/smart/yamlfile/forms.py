"""Kinds of values: what to write, for messages, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from smart.yamlfile.problems import quoted

T_co = TypeVar("T_co", covariant=True)

_SWITCH = {**dict.fromkeys(("true", "yes", "on"), True), **dict.fromkeys(("false", "no", "off"), False)}


@dataclass(frozen=True, slots=True)
class Form(Generic[T_co]):
    """One kind of value. `read` raises ValueError with what is wrong and what is right."""

    what: str
    read: Callable[[str], T_co]
    is_text: bool = False  # then a word that YAML reads as a number, a date or a boolean must stand in quotes


def read_switch(value: str) -> bool:
    """true or false by any of YAML's words: formats of others allow them all."""
    try:
        return _SWITCH[value.lower()]
    except KeyError:
        raise ValueError(f"{quoted(value)} must be true or false") from None


SWITCH_FORM = Form("true or false", read_switch)
TEXT_FORM = Form("text", str)  # as it is written, numbers too
