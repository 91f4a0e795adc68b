"""Which client a file belongs to, by the name an agent sends it under, and how to show a name that may be hostile."""

from __future__ import annotations

import re
from enum import StrEnum

CLIENT_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")
EXTENSIONS = (".zip", ".xml", ".status")
SHOWN_CHARACTERS = 80


class FileClass(StrEnum):
    """What a file handed in is, by its content: a sysinfo report (zip or XML) or a smartstatus text."""

    REPORT = "report"
    STATUS = "status"


class BadName(ValueError):
    """The name cannot be the name of a client's file. `text` is Russian."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


def client_of_file(name: str) -> str:
    """The client of `CLIENT.zip`, `CLIENT.xml`, `CLIENT.status`; a name without such an ending is the client's itself.

    Raises BadName.
    """
    if not name:
        raise BadName("не указано имя файла: файл должен называться КЛИЕНТ.zip, КЛИЕНТ.xml или КЛИЕНТ.status")
    stem = name
    for extension in EXTENSIONS:
        if name.lower().endswith(extension):
            stem = name[: -len(extension)]
    if not CLIENT_NAME.fullmatch(stem):
        raise BadName(
            f"недопустимое имя файла {shown(name)}: файл должен называться КЛИЕНТ.zip, КЛИЕНТ.xml или КЛИЕНТ.status, "
            "где КЛИЕНТ состоит из латинских букв, цифр и знаков . _ : - (не более 64)"
        )
    return stem


def shown(text: str) -> str:
    """`text` in «», short and on one line: what is not printable becomes `\\x00`."""
    short = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    return "«" + "".join(char if char.isprintable() else ascii(char)[1:-1] for char in short) + "»"
