"""A real exporter of two dealers whose clients partly bear the same names, and senders of all kinds."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from servers_smart import DEALER, SmartServer, copy_inventory
from smart.inventory.tokens import new_token

OTHER = "700OTHER"
MOSCOW = ZoneInfo("Europe/Moscow")
OTHER_BRANCH = f"""dealer: {OTHER}
branch: north
title: Филиал другого дистрибьютора
timezone: Europe/Moscow
technical: {{emails: [technical@other.example]}}
usage: {{emails: [usage@other.example]}}
managers:
  - {{name: other-1, email: other-1@other.example, title: Менеджер}}
clients:
  - {{name: plant7, legal_entity: "ООО «Другой завод»", manager: other-1, kind: push, since: 2024-01-12}}
  - {{name: vesna, legal_entity: "ООО «Весна»", manager: other-1, kind: push, since: 2024-01-12}}
"""


def two_dealers(directory: Path) -> tuple[str, str]:
    """The example inventory with a second dealer; the tokens of both."""
    token = copy_inventory(directory)
    other, digest = new_token()
    dealers = directory / "dealers.yml"
    entry = f"  - name: {OTHER}\n    title: Другой\n    upload_tokens: ['sha256:{digest}']\n"
    dealers.write_text(dealers.read_text("utf-8") + entry, "utf-8")
    (directory / "other.yml").write_text(OTHER_BRANCH, "utf-8")
    return token, other


def local(seconds: float) -> str:
    """A moment as clients in Moscow write it."""
    return datetime.fromtimestamp(seconds, MOSCOW).strftime("%Y-%m-%dT%H:%M:%S")


def report(inside: str = "", created: float | str | None = None, seats: int = 25) -> bytes:
    """A report with these sections; made now unless told."""
    moment = created if isinstance(created, str) else local(time.time() if created is None else created)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<sysinfo version="2" created="{moment}">\n'
        f'<registration number="599_1" owner="О" seats="{seats}">'
        f'<protection type="SenseLock" status="ok"/></registration>\n{inside}\n</sysinfo>\n'
    ).encode()


def zipped(content: bytes, name: str = "r.xml") -> bytes:
    """A zip of one member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def put(server: SmartServer, name: str, content: bytes, token: str = "", dealer: str = DEALER) -> requests.Response:
    """Hand a file in by its name."""
    headers = {"dealer": dealer, "Authorization": f"Bearer {token or server.token}"}
    return requests.put(f"{server.intake}/upload/{name}", data=content, headers=headers, timeout=60)


def state_of(server: SmartServer, client: str, token: str = "", dealer: str = DEALER) -> dict:
    """What became of the newest file of a client."""
    headers = {"dealer": dealer, "Authorization": f"Bearer {token or server.token}"}
    return requests.get(f"{server.intake}/files/{client}.xml", headers=headers, timeout=60).json()


def wait_until(condition, seconds: float = 60, why=lambda: ""):
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)
    return found


def settle(server: SmartServer, seconds: float = 60) -> None:
    """Until no file waits in the spool."""
    wait_until(lambda: not list((server.data / "spool").iterdir()), seconds, lambda: server.log.read_text("utf-8"))


def value_of(page: str, metric: str) -> float | None:
    """The value of a metric without labels, None when it is not there."""
    for line in page.splitlines():
        if line.startswith(f"{metric} "):
            return float(line.rpartition(" ")[2])
    return None
