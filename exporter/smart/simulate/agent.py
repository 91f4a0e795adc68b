"""The two calls of a real agent, made with curl: fetch the report from the installation, push it to the server."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from smart.errors import ConfigError

FETCH_SECONDS, PUSH_SECONDS = 60, 120


class Style(StrEnum):
    """How an agent proves who it is."""

    OLD = "old"  # the token stands in the address, for everybody on that machine to see
    NEW = "new"  # Authorization: Bearer, from a file that only the agent may read


@dataclass(frozen=True, slots=True)
class Push:
    """What came of one hourly run of an agent."""

    client: str
    fetched: int  # HTTP code of the installation, 0 when there was none
    fetch_exit: int  # exit code of curl
    pushed: int  # HTTP code of the server, 0 when nothing was sent or no answer came
    push_exit: int
    answer: str  # the server's body, or curl's words when there was none
    seconds: float  # of the second call

    @property
    def ok(self) -> bool:
        return self.pushed == 200 and self.push_exit == 0


class Agent:
    """Runs beside one installation, with files of its own in `folder`."""

    def __init__(
        self, client: str, dealer: str, server: str, token: str, folder: Path, style: Style = Style.NEW
    ) -> None:
        self.client, self.dealer, self.server, self.style = client, dealer, server.rstrip("/"), style
        self.folder = folder
        self._token = token
        self.fetch_seconds = FETCH_SECONDS
        curl = shutil.which("curl")
        if curl is None:
            raise ConfigError("curl is not installed; the agent needs nothing else")
        self._curl = curl
        folder.mkdir(parents=True, exist_ok=True)
        self._header_file = folder / "authorization.txt"
        if style is Style.NEW:
            write_secret(self._header_file, f"Authorization: Bearer {token}\n")

    def run(self, installation: str) -> Push:
        """Both calls. Older agents send whatever they were given; new ones only a report that came whole."""
        report = self.folder / f"{self.client}.zip"
        report.unlink(missing_ok=True)
        fetched, fetch_exit, words = self._call(self.fetch_command(installation, report), self.fetch_seconds)
        whole = fetched == 200 and fetch_exit == 0
        if not report.exists() or (self.style is Style.NEW and not whole):
            return Push(self.client, fetched, fetch_exit, 0, 0, words, 0.0)
        return self.send(report, fetched, fetch_exit)

    def send(self, file: Path, fetched: int = 0, fetch_exit: int = 0) -> Push:
        """The second call alone: push a file that is there."""
        begun = time.monotonic()
        pushed, push_exit, answer = self._call(self.push_command(file), PUSH_SECONDS)
        return Push(self.client, fetched, fetch_exit, pushed, push_exit, answer, time.monotonic() - begun)

    def fetch_command(self, installation: str, report: Path) -> list[str]:
        cookies = str(self.folder / "cookies.txt")
        return [
            *(self._curl, "-A", "smartdownload", "-k", "-L", "-c", cookies, "-b", cookies, "-d", "type=zip"),
            *("-o", str(report), f"{installation}/sysinfo/si_save_request"),
        ]

    def push_command(self, file: Path) -> list[str]:
        command = [self._curl, "-H", "upload: yes", "-H", f"dealer: {self.dealer}"]
        address = f"{self.server}/upload"
        if self.style is Style.OLD:
            address += f"?token={self._token}"
        else:
            command += ["-H", f"@{self._header_file}"]
        return [*command, "-F", f"file=@{file}", address]

    def _call(self, command: list[str], seconds: int) -> tuple[int, int, str]:
        """HTTP code, exit code and the words of one curl call; the code comes by `-w`, after the answer."""
        extra = ["-sS", "--max-time", str(seconds), "-w", "\n%{http_code}"]
        done = subprocess.run([command[0], *extra, *command[1:]], capture_output=True, check=False)
        output, _, code = done.stdout.decode("utf-8", "replace").rpartition("\n")
        words = output.strip() or done.stderr.decode("utf-8", "replace").strip()
        return int(code) if re.fullmatch(r"\d+", code) else 0, done.returncode, words.replace(self._token, "<secret>")


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
