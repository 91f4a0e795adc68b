"""The commands as a user types them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "tests" / "data" / "reports"


def smart(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """`smart …` in a process of its own."""
    command = [sys.executable, "-m", "smart", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "command",
    ["", "check", "serve", "parse", "upload", "token", "render", "render alertmanager", "render prometheus",
     "render docs", "simulate", "simulate demo", "simulate report", "simulate fleet"],
)  # fmt: skip
def test_every_command_answers_help(command):
    answer = smart(*command.split(), "--help")
    assert answer.returncode == 0
    assert answer.stdout.startswith("Usage: ")


def test_the_example_passes_the_check():
    answer = smart("check")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("OK: dealers 1, branches 2,")


def test_all_mistakes_of_inventory_and_alerting_are_told_at_once(tmp_path):
    inventory = tmp_path / "inventory"
    shutil.copytree(ROOT / "inventory", inventory)
    north = inventory / "north.yml"
    north.write_text(north.read_text("utf-8").replace("manager: north-1", "manager: nobody", 1), "utf-8")
    alerting = tmp_path / "alerting.yml"
    alerting.write_text("mail: {smarthost: localhost, from: smart@example.org}\noperator: {emails: [me@example.org]}\n")
    answer = smart("check", "--inventory", str(inventory), "--alerting", str(alerting))
    assert answer.returncode == 1
    lines = answer.stderr.splitlines()
    assert any(line.startswith(f"{north}:") and "manager: is not declared" in line for line in lines)
    assert f"{alerting}:1: mail.smarthost: 'localhost' must be host:port" in lines
    assert any(line.startswith(f"{alerting}:") and "prometheus: is missing" in line for line in lines)
    assert lines[-1] == "mistakes: 3"


def test_a_report_is_described_with_its_metrics():
    answer = smart("parse", str(REPORTS / "lost-key.xml"), "--timezone", "Europe/Moscow")
    assert answer.returncode == 0
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("created 2026-11-20 ")
    assert "KodeksXmlSensLockStatus 0" in lines


def test_an_operators_error_codes_are_looked_at_first(tmp_path):
    codes = tmp_path / "codes.yml"
    codes.write_text('errors:\n  - {code: none, class: volume, texts: ["Invalid protect string"]}\n')
    answer = smart("parse", str(REPORTS / "lost-key.xml"), "--signatures", str(codes))
    assert answer.returncode == 0, answer.stderr
    assert 'nps.db",code="none",errclass="volume"} 1' in answer.stdout


def test_a_file_that_is_no_report_is_refused_with_a_reason():
    answer = smart("parse", "README.md")
    assert answer.returncode == 1
    assert answer.stderr.startswith("Error: README.md: not-a-report: ")


def test_the_hash_of_a_token_can_be_pasted_into_the_inventory(tmp_path):
    lines = smart("token").stdout.splitlines()
    secret, line = lines[1].strip(), lines[3].strip()
    assert len(secret) >= 32
    assert line.startswith("- sha256:")
    inventory = tmp_path / "inventory"
    shutil.copytree(ROOT / "inventory", inventory)
    dealers = inventory / "dealers.yml"
    dealers.write_text(dealers.read_text("utf-8").rstrip() + f"\n      {line}\n", "utf-8")
    assert smart("check", "--inventory", str(inventory)).returncode == 0
    assert secret not in dealers.read_text("utf-8")


def test_an_upload_without_a_token_says_what_is_missing():
    answer = smart("upload", str(REPORTS / "full.xml"), "--client", "plant7", "--dealer", "599DEMO", SMART_TOKEN="")
    assert answer.returncode == 1
    assert "--token-file or the variable SMART_TOKEN" in answer.stderr


def test_a_token_in_other_letters_is_told_and_not_shown():
    answer = smart(
        "upload", str(REPORTS / "full.xml"), "--client", "plant7", "--dealer", "599DEMO", SMART_TOKEN="жетон"
    )
    assert answer.returncode == 1
    assert answer.stderr == "Error: the token and the dealer's mark must be in latin letters\n"


def test_a_server_that_is_not_there_is_told_without_the_token(tmp_path):
    token = tmp_path / "token"
    token.write_text("do-not-show-me")
    answer = smart(
        "upload", str(REPORTS / "full.xml"), "--client", "plant7", "--dealer", "599DEMO",
        "--server", "http://127.0.0.1:1", "--token-file", str(token),
    )  # fmt: skip
    assert answer.returncode == 1
    assert answer.stderr == "Error: http://127.0.0.1:1 cannot be reached: ConnectionError\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serve", "--intake-listen", "8600"), "'8600' must be HOST:PORT"),
        (("serve", "--keep", "search=x"), "must be KIND=MONTHS"),
        (("serve", "--inventory", "no-such-dir"), "no-such-dir: cannot be listed"),
        (("parse", "README.md", "--timezone", "Moscow/Europe"), "'Moscow/Europe' is not a time zone"),
        (("render", "prometheus", "--alerting", "nowhere.yml", "--output", "x"), "nowhere.yml: "),
    ],
    ids=["listen", "keep", "inventory", "zone", "alerting"],
)
def test_a_wrong_option_is_told(arguments, message, tmp_path):
    answer = smart(*arguments, SMART_DATA_DIR=str(tmp_path))
    assert answer.returncode in (1, 2)
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_rendered_file_is_compared_with_check(tmp_path):
    output = tmp_path / "prometheus.yml"
    assert smart("render", "prometheus", "--output", str(output), "--check").returncode == 1
    assert not output.exists()
    assert smart("render", "prometheus", "--output", str(output)).returncode == 0
    assert smart("render", "prometheus", "--output", str(output), "--check").returncode == 0
    assert smart("render", "prometheus", "--output", str(output)).stdout == f"{output}: is up to date\n"


def test_the_generated_documents_are_current():
    answer = smart("render", "docs", "--check")
    assert (answer.returncode, answer.stderr) == (0, "")
