"""Stand-ins for smart.intake.worker.process, run in real worker processes: the file itself says what to do."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path

from smart.errors import RejectReason
from smart.intake.process import MEMORY_BYTES
from smart.intake.worker import Result, Verdict, process


def obey(file, client, notes):
    """Notes its beginning and end in the file `notes`, and does what the content of the file says between them."""
    note(notes, f"begin {file.client} {file.path.read_text()}")
    word, _, rest = file.path.read_text().partition(" ")
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "die-once" and file.tries == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "hang":
        time.sleep(60)
    if word == "wait":
        while not Path(rest).exists():
            time.sleep(0.01)
    result = Result(Verdict.STORED, newest=True, seconds=0.1)
    if word in ("eat", "who"):
        note(notes, f"process {os.getpid()}")
    if word == "eat":
        try:
            bytearray(MEMORY_BYTES)
        except MemoryError:
            text = "не хватило памяти"
            result = Result(Verdict.REJECTED, RejectReason.BOMB, text, digest=b"1" * 32, size=3, worn_out=True)
    if word == "refuse":
        result = Result(Verdict.REJECTED, RejectReason.BROKEN_XML, "не закрыт элемент", digest=b"1" * 32, size=6)
    if word == "fail":
        result = Result(Verdict.FAILED, RejectReason.FAILED, "сбой", trace="Traceback: here")
    if word == "away" and not Path(rest).exists():
        result = Result(Verdict.UNAVAILABLE, text="the database is away")
    note(notes, f"end {file.client} {file.path.read_text()}")
    return result


def process_within(file, client, database_url, reading, limit):
    """The real function with so many bytes of memory."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return process(file, client, database_url, reading)


def note(notes, text):
    with Path(notes).open("a") as stream:
        stream.write(text + "\n")
