"""Where accepted files wait for the workers, safe from a crash at any moment.

    DIR/tmp/        being received; emptied at start
    DIR/spool/      safe on disk and answered with 200; the name of a file says all that is known of it
    DIR/files/      DEALER/CLIENT.report and CLIENT.status: the newest of each client
    DIR/rejected/   DEALER/…: what could not be taken, `<name>.reason.txt` beside each; the newest of each client

All of DIR is on one file system, so a rename is atomic. One process owns a DIR at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

from smart.errors import ConfigError, RejectReason
from smart.intake.names import FileClass
from smart.intake.sync import GroupSync

SEPARATOR = "~"
FREE_SECONDS = 0.2  # how long an answer about free space is good for
SPOOL_NAME = re.compile(r"\d{20}(~[^~/]+){6}")


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """One accepted file that waits. Everything but `path` is in the name of the file, so a restart knows it again."""

    path: Path
    dealer: str
    client: str
    kind: FileClass
    received_ns: int  # unix time
    way: str  # multipart | raw
    tries: int = 0  # worker processes that died over it

    @property
    def key(self) -> tuple[str, str]:
        """Whose file it is: (dealer, client)."""
        return self.dealer, self.client

    @property
    def received(self) -> int:
        """Unix seconds."""
        return self.received_ns // 1_000_000_000


def spool_name(dealer: str, client: str, kind: FileClass, received_ns: int, way: str, tries: int = 0) -> str:
    """Name of a file in the spool: sorts by time, unique, parsed back by `parse_spool_name`."""
    unique = secrets.token_hex(4)
    fields = (_escape(dealer), _escape(client), kind.value, way, str(tries), unique)
    return SEPARATOR.join((f"{received_ns:020d}", *fields))


def parse_spool_name(path: Path) -> SpoolFile | None:
    """The file a path of the spool stands for; None when the name is not one of ours."""
    if not SPOOL_NAME.fullmatch(path.name):
        return None
    received_ns, dealer, client, kind, way, tries, _unique = path.name.split(SEPARATOR)
    try:
        return SpoolFile(path, unquote(dealer), unquote(client), FileClass(kind), int(received_ns), way, int(tries))
    except ValueError:
        return None


def _escape(text: str) -> str:
    """`text` as one field of a file name: no separator, no slash, no leading dot."""
    escaped = quote(text, safe=":").replace(SEPARATOR, "%7E")
    return "%2E" + escaped[1:] if escaped.startswith(".") else escaped


class Spool:
    """The directory and an index of what waits in it. Safe to call from any thread."""

    def __init__(self, directory: Path, keep_rejected: int = 20) -> None:
        """Take the directory over: leftovers of interrupted uploads are removed.

        `keep_rejected`: how many refused files of each client are kept. Raises ConfigError when the directory cannot
        be used or another process owns it.
        """
        self.directory = directory
        self._keep_rejected = keep_rejected
        self._lock = threading.Lock()
        self._last_ns = 0
        self._free = 0
        self._free_until = 0.0
        self._waiting: dict[tuple[str, str], list[SpoolFile]] = {}
        self._running: set[Path] = set()
        self.tmp, self.spool, self.files, self.rejected = (
            directory / name for name in ("tmp", "spool", "files", "rejected")
        )
        try:
            for folder in (self.tmp, self.spool, self.files, self.rejected):
                folder.mkdir(parents=True, exist_ok=True)
            self._owner = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{directory}: another smart process uses this spool") from None
        except OSError as error:
            raise ConfigError(f"{directory}: cannot be used as a spool: {error.strerror}") from error
        for leftover in self.tmp.iterdir():
            if not leftover.is_dir():  # nothing of ours
                leftover.unlink()
        self._syncs: dict[Path, GroupSync] = {self.spool: GroupSync(self.spool)}
        for file in self._scan():
            self._waiting.setdefault(file.key, []).append(file)

    def close(self) -> None:
        """Give the directory back."""
        for sync in self._syncs.values():
            sync.close()
        os.close(self._owner)

    def _scan(self) -> Iterator[SpoolFile]:
        for path in sorted(self.spool.iterdir()):
            file = parse_spool_name(path)
            if file is not None:
                yield file

    def pending(self) -> list[SpoolFile]:
        """Everything that waits, oldest first."""
        with self._lock:
            return sorted((file for files in self._waiting.values() for file in files), key=lambda file: file.path.name)

    def count(self) -> int:
        """How many files wait."""
        with self._lock:
            return sum(len(files) for files in self._waiting.values())

    def oldest_seconds(self) -> float:
        """When the oldest waiting file came, unix seconds; 0 when none waits."""
        with self._lock:
            return min((files[0].received_ns for files in self._waiting.values()), default=0) / 1e9

    def newest(self, dealer: str, client: str) -> tuple[SpoolFile, bool] | None:
        """The newest waiting file of a client and whether a worker has it in hand."""
        with self._lock:
            files = self._waiting.get((dealer, client))
            if not files:
                return None
            file = max(files, key=lambda file: file.received_ns)
            return file, file.path in self._running

    def now_ns(self) -> int:
        """Unix nanoseconds, never the same twice: two uploads of one client keep their order."""
        with self._lock:
            self._last_ns = max(time.time_ns(), self._last_ns + 1)
            return self._last_ns

    def free_bytes(self) -> int:
        """Room an unprivileged process had left on the file system of the spool, at most a moment ago."""
        now = time.monotonic()
        if now >= self._free_until:
            status = os.statvfs(self._owner)
            self._free = status.f_bavail * status.f_frsize
            self._free_until = now + FREE_SECONDS
        return self._free

    def temporary(self) -> Path:
        """A new name in tmp/."""
        return self.tmp / secrets.token_hex(12)

    def place(self, temporary: Path, dealer: str, client: str, received_ns: int, way: str) -> SpoolFile:
        """Move a report that is already on disk into the spool. It is safe once `sync(self.spool)` has returned."""
        path = self.spool / spool_name(dealer, client, FileClass.REPORT, received_ns, way)
        temporary.rename(path)
        return SpoolFile(path, dealer, client, FileClass.REPORT, received_ns, way)

    def sync(self, directory: Path) -> None:
        """Make the renames into spool/ or a directory of files/ lasting. Raises OSError."""
        with self._lock:
            group = self._syncs.get(directory)
            if group is None:
                group = self._syncs[directory] = GroupSync(directory)
        group.sync()

    def add(self, file: SpoolFile) -> None:
        """Count a file in that is safe."""
        with self._lock:
            self._waiting.setdefault(file.key, []).append(file)

    def kept(self, dealer: str, client: str, kind: FileClass) -> Path:
        """Where the newest report or status file of a client lies."""
        return self.files / _escape(dealer) / f"{_escape(client)}.{kind.value}"

    def place_status(self, temporary: Path, dealer: str, client: str) -> Path:
        """Make a status file that is already on disk the newest of its client; returns the directory to sync."""
        path = self.kept(dealer, client, FileClass.STATUS)
        try:
            temporary.rename(path)
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            self.sync(self.files)
            temporary.rename(path)
        return path.parent

    def start(self, file: SpoolFile) -> None:
        """A worker takes the file in hand."""
        with self._lock:
            self._running.add(file.path)

    def retry(self, file: SpoolFile, *, died: bool) -> SpoolFile:
        """Give a file back that could not be finished; `died` counts a lost worker, lasting over a restart."""
        again = file
        if died:
            tries = file.tries + 1
            name = spool_name(file.dealer, file.client, file.kind, file.received_ns, file.way, tries)
            again = replace(file, path=self.spool / name, tries=tries)
            file.path.rename(again.path)
        with self._lock:
            self._running.discard(file.path)
            files = self._waiting[file.key]
            files[files.index(file)] = again
        return again

    def done(self, file: SpoolFile, *, newest: bool) -> None:
        """The file is in the store: keep it as the client's newest report, or remove it."""
        if newest:
            kept = self.kept(file.dealer, file.client, FileClass.REPORT)
            kept.parent.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # somebody took it out of the spool by hand
                file.path.rename(kept)
        else:
            file.path.unlink(missing_ok=True)
        self._forget(file)

    def reject(self, file: SpoolFile, reason: RejectReason, text: str) -> None:
        """Set a file aside that the workers could not take."""
        self.set_aside(file.path, file.dealer, file.client, file.received_ns, reason, text)
        self._forget(file)

    def _forget(self, file: SpoolFile) -> None:
        with self._lock:
            self._running.discard(file.path)
            files = self._waiting[file.key]
            files.remove(file)
            if not files:
                del self._waiting[file.key]

    def set_aside(
        self, path: Path, dealer: str, client: str, received_ns: int, reason: RejectReason, text: str
    ) -> None:
        """Move a file to rejected/ with `text` (Russian, for a technician) beside it; older ones of the client go."""
        folder = self.rejected / _escape(dealer)
        folder.mkdir(exist_ok=True)
        name = SEPARATOR.join((_escape(client), f"{received_ns:020d}", reason.value))
        moment = time.strftime("%d.%m.%Y %H:%M:%S %Z", time.localtime(received_ns // 1_000_000_000))
        note = f"Клиент: {client}\nПолучен: {moment}\nКод причины: {reason.value}\n{text}\n"
        with contextlib.suppress(FileNotFoundError):  # somebody took it out of the spool by hand
            path.rename(folder / name)
        (folder / f"{name}.reason.txt").write_text(note, "utf-8")
        notes = sorted(folder.glob(f"{_escape(client)}{SEPARATOR}*.reason.txt"))
        for old in notes[: -self._keep_rejected]:
            old.unlink(missing_ok=True)
            old.with_name(old.name.removesuffix(".reason.txt")).unlink(missing_ok=True)
