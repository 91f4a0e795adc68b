"""`smart simulate` on the command line."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from lxml import etree

from smart.simulate.commands import simulate
from smart.simulate.local_http import Handler, LocalServer

GROUP = [sys.executable, "-c", "from smart.simulate.commands import simulate; simulate()"]


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(simulate, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_a_report_of_exact_size_is_written(tmp_path: Path) -> None:
    out = tmp_path / "r.xml"
    assert "153600 bytes, 459 records" in run("report", "--out", out, "--size", "150KB", "--seed", "x")
    first = out.read_bytes()
    run("report", "--out", out, "--size", "150KB", "--seed", "x")
    assert out.read_bytes() == first
    assert len(first) == 150 * 1024


def test_a_report_shows_what_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "r.zip"
    created = "2026-11-20T10:00:00+05:00"
    arguments = ["--key-lost", "--zip", "--client", "site:80", "--encoding", "windows-1251"]
    run("report", "--out", out, "--created", created, *arguments)
    with zipfile.ZipFile(out) as archive:
        root = etree.fromstring(archive.read("site:80.xml"))
    assert root.get("created") == created
    assert root.find("registration/protection").get("code") == "4111"
    assert root.getroottree().docinfo.encoding == "windows-1251"


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--size", "3XB"], 2, "'3XB' is not a size (write 300KB or 20MB"),
        (["--size", "0"], 2, "is not a size"),
        (["--size", "5TB"], 2, "is not a size"),
        (["--size", "2KB"], 1, "a report of 6 records cannot be made"),
        (["--created", "yesterday"], 2, "Invalid isoformat string"),
    ],
)
def test_a_report_that_cannot_be_made_is_refused(tmp_path: Path, arguments, code: int, complaint: str) -> None:
    out = tmp_path / "r.xml"
    assert complaint in " ".join(run("report", "--out", out, *arguments, code=code).split())
    assert not out.exists()


def test_a_fleet_pushes_and_tells(tmp_path: Path) -> None:
    class Server(Handler):
        def do_POST(self) -> None:  # noqa: N802
            self.body()
            refused = self.headers["Authorization"] != "Bearer right"
            self.answer_json(403 if refused else 200, {"ok": not refused})

    token = tmp_path / "token"
    with LocalServer(Server) as server:
        token.write_text("right\n")
        fleet = ["fleet", "--server", server.url, "--dealer", "D", "--token-file", token]
        good = run(*fleet, "--incident", "0:plant7:key-lost")
        token.write_text("wrong-token\n")
        bad = run(*fleet, code=1)
    assert good.count('server 200 {"ok": true}') == 5
    assert "plant7: key-lost" in good
    assert "5 pushes failed" in bad
    assert "wrong-token" not in bad


@pytest.mark.parametrize("incident", ["5m:plant7:explodes", "plant7", "0:atlantis:key-lost"])
def test_a_wrong_incident_is_refused(tmp_path: Path, incident: str) -> None:
    (tmp_path / "token").write_text("t")
    fleet = ["fleet", "--server", "http://127.0.0.1:1", "--dealer", "D", "--token-file", tmp_path / "token"]
    code = 1 if "atlantis" in incident else 2
    assert "Error" in run(*fleet, "--incident", incident, code=code)


def started(*arguments: object) -> tuple[subprocess.Popen, str]:
    """A command that runs until Ctrl-C, and the address it tells."""
    process = subprocess.Popen(
        [*GROUP, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    return process, process.stderr.readline().partition(" at ")[2].partition(";")[0]


def ended(process: subprocess.Popen) -> str:
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    return output


def test_the_mail_server_prints_what_arrives() -> None:
    process, address = started("smtp")
    host, port = address.split(":")
    with smtplib.SMTP(host, int(port), timeout=10) as server:
        server.sendmail("a@x.example", ["b@x.example"], "From: a@x.example\r\nSubject: Hello\r\n\r\nBody")
    assert ended(process) == "From: a@x.example\nTo: b@x.example\nSubject: Hello\n\nBody\n\n"


def test_the_stand_in_for_telegram_prints_what_arrives(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("1:x\n")
    process, address = started("telegram", "--token-file", tmp_path / "token", "--chat", -5)
    requests.post(
        f"{address}/bot1:x/sendMessage", json={"chat_id": -5, "text": "привет"}, timeout=10
    ).raise_for_status()
    assert ended(process) == "Chat -5:\nпривет\n\n"


def test_a_port_that_is_taken_is_told() -> None:
    with LocalServer(Handler) as taken:
        assert "Address already in use" in run("smtp", "--port", taken.port, code=1)


def test_the_demo_says_what_it_misses(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    command = [*GROUP, "demo", "--once", "--dir", str(tmp_path / "demo")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "The demo failed: not on the PATH: prometheus, alertmanager, promtool, amtool, curl" in done.stdout
    assert "Traceback" not in done.stderr
