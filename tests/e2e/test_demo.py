"""`make demo ONCE=1` as a person runs it: the whole way with real Prometheus, Alertmanager, curl, SMTP."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def test_the_demo_delivers_the_right_messages_and_no_others_twice_in_a_row(tmp_path):
    folder = tmp_path / "demo"  # not the .demo that somebody may be looking at
    command = [sys.executable, "-m", "smart", "simulate", "demo", "--once", "--dir", str(folder)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "[FIRING:1] KodeksXmlSensLockStatus" in done.stdout
        assert "[RESOLVED] KodeksXmlSensLockStatus" in done.stdout
        assert _children_of_the_demo(folder) == []


def _children_of_the_demo(directory: Path) -> list[str]:
    """Command lines of processes that still name the demo's directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it has just ended
            continue
        if str(directory) in line:
            found.append(line)
    return found
