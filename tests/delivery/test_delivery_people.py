"""Who hears of an alert, in which channel, how often, and who does not."""

from __future__ import annotations

import http.server
import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from delivery_stack import (
    NORTH_1_CHAT,
    NORTH_CHAT,
    NORTH_USAGE_CHAT,
    OPERATOR_CHAT,
    ROOT,
    SOUTH_CHAT,
    WAIT_SECONDS,
    Post,
    alert,
)

from servers_alertmanager import run_alertmanager
from smart.inventory.model import Inventory
from smart.render.alerting import AlertingSettings
from smart.render.alertmanager import render_alertmanager
from smart.simulate.smtp_sink import SmtpFault

KEY = "KodeksXmlSensLockStatus"
NORTH_TECHNICAL = ("north-2@north.example", "tech@north.example")


def _expected(subject: str, *people: str | int) -> list[str]:
    """As Post.summary() says it: letters under their subject, messages under their first line."""
    word, _, name = subject.partition(" ")
    first_line = f"{word.strip('[]').partition(':')[0]} {name}"
    return sorted(f"{who} {first_line if isinstance(who, int) else subject}" for who in people)


def test_a_lost_key_is_told_to_its_manager_the_technicians_and_their_chats_only(post: Post) -> None:
    post.fire(alert())
    post.wait(lambda: len(post.summary()) >= 5, "three letters and two messages")
    post.settle()
    people = ("north-1@north.example", *NORTH_TECHNICAL, NORTH_CHAT, NORTH_1_CHAT)
    assert post.summary() == _expected(f"[FIRING:1] {KEY}", *people)


def test_the_end_of_an_alert_is_told_to_whoever_heard_of_it(post: Post) -> None:
    started = time.time() - 7500
    post.fire(alert(started=started))
    post.wait(lambda: len(post.summary()) >= 5, "FIRING")
    post.fire(alert(started=started, ended=time.time()))
    post.wait(lambda: len(post.summary()) >= 10, "RESOLVED")
    post.settle()
    people = ("north-1@north.example", *NORTH_TECHNICAL, NORTH_CHAT, NORTH_1_CHAT)
    assert post.summary() == sorted(_expected(f"[FIRING:1] {KEY}", *people) + _expected(f"[RESOLVED] {KEY}", *people))
    assert "длилось 2 ч 5 мин" in post.messages_to(NORTH_CHAT)[-1].text
    assert "длилось 2 ч 5 мин" in post.letters_to("tech@north.example")[-1].text


def test_an_alert_whose_end_means_nothing_ends_in_silence(post: Post) -> None:
    labels = {"audience": "both", "priority": "K3", "res": "no"}
    post.fire(alert("KodeksLicenseExpiring2day", **labels))
    post.wait(lambda: len(post.summary()) >= 7, "FIRING")
    post.fire(alert("KodeksLicenseExpiring2day", **labels, started=time.time() - 60, ended=time.time()))
    post.settle()
    people = ("north-1@north.example", *NORTH_TECHNICAL, "usage@north.example")
    assert post.summary() == _expected(
        "[FIRING:1] KodeksLicenseExpiring2day", *people, NORTH_CHAT, NORTH_USAGE_CHAT, NORTH_1_CHAT
    )


@pytest.mark.parametrize(
    ("labels", "people"),
    [
        pytest.param(
            {"audience": "usage", "tg": "no"}, ("north-1@north.example", "usage@north.example"), id="usage, mail only"
        ),
        pytest.param(
            {"audience": "usage", "tg": "yes"},
            ("north-1@north.example", "usage@north.example", NORTH_USAGE_CHAT, NORTH_1_CHAT),
            id="usage, Telegram too",
        ),
        pytest.param(
            {"manager": "north-2", "client": "depot"},
            ("North-2@north.example", "tech@north.example", NORTH_CHAT),
            id="a manager who is a technician gets one letter",
        ),
        pytest.param(
            {"manager": None, "client": None},
            ("north-1@north.example", "North-2@north.example", "tech@north.example", NORTH_CHAT, NORTH_1_CHAT),
            id="a Count of the branch goes to all its managers",
        ),
        pytest.param(
            {"manager": "left-the-firm"},
            ("north-1@north.example", "North-2@north.example", "tech@north.example", NORTH_CHAT),
            id="a manager nobody knows: all of the branch",
        ),
        pytest.param(
            {"audience": None, "res": None},
            ("north-1@north.example", *NORTH_TECHNICAL, NORTH_CHAT, NORTH_1_CHAT),
            id="labels left out: technical, with its end",
        ),
        pytest.param(
            {"branch": "south", "manager": "south-1", "audience": "both"},
            ("all@south.example", SOUTH_CHAT),
            id="one person for everything: one letter, one message",
        ),
        pytest.param({"branch": "west"}, ("operator@example.org", OPERATOR_CHAT), id="an unknown branch"),
        pytest.param({"dealer": "600OTHER"}, ("operator@example.org", OPERATOR_CHAT), id="another dealer's north"),
        pytest.param(
            {"audience": "operator", "dealer": None, "branch": None, "client": None, "manager": None},
            ("operator@example.org", OPERATOR_CHAT),
            id="about SMART itself",
        ),
    ],
)
def test_people(post: Post, labels: dict[str, str | None], people: tuple[str | int, ...]) -> None:
    post.fire(alert("KodeksX", **labels))
    post.wait(lambda: len(post.summary()) >= len(people), f"{len(people)} messages")
    post.settle()
    assert post.summary() == _expected("[FIRING:1] KodeksX", *people)


def test_the_watchdog_bothers_no_person(post: Post) -> None:
    nowhere = {"dealer": None, "branch": None, "client": None, "manager": None}
    post.fire(alert("SmartWatchdog", audience="operator", tg="no", **nowhere))
    post.settle()
    assert post.summary() == []


def test_the_key_explains_errors_of_volumes_but_only_in_its_own_branch(post: Post) -> None:
    volumes = {"priority": "K4", "severity": "warning", "group": "db", "code": "none", "errclass": "protection"}
    post.fire(
        alert(),
        *(alert("KodeksDBerrorsNoCode", filename=f"C:/DB/{number}.d6d", **volumes) for number in range(41)),
        alert("KodeksDBerrorsNoCodeCount", priority="K1", group="db", errclass="protection"),
        alert("KodeksDBLicensesZero", tg="no", priority="K4"),
        alert("KodeksDBerrorsNoCode", branch="south", manager="south-1", filename="C:/DB/1.d6d", **volumes),
    )
    post.wait(lambda: len(post.summary()) >= 7, "the key in north, a volume in south")
    post.settle()
    north = ("north-1@north.example", *NORTH_TECHNICAL, NORTH_CHAT, NORTH_1_CHAT)
    south = ("all@south.example", SOUTH_CHAT)
    assert post.summary() == sorted(
        _expected(f"[FIRING:1] {KEY}", *north) + _expected("[FIRING:1] KodeksDBerrorsNoCode", *south)
    )
    suppressed = [item for item in post.alertmanager.alerts() if item["status"]["state"] == "suppressed"]  # type: ignore[index]
    assert len(suppressed) == 43


def test_clients_of_one_manager_come_in_one_letter_and_other_managers_clients_do_not(post: Post) -> None:
    post.fire(alert(), alert(client="office"), alert(client="depot", manager="north-2"))
    post.wait(lambda: post.letters_to("North-2@north.example") and post.letters_to("north-1@north.example"), "letters")
    post.settle()
    (first,) = post.letters_to("north-1@north.example")
    assert first.subject == f"[FIRING:2] {KEY}"
    assert "plant7" in first.text
    assert "office" in first.text
    assert "depot" not in first.text
    (second,) = post.letters_to("North-2@north.example")
    assert second.subject == f"[FIRING:1] {KEY}"
    assert "plant7" not in second.text
    (message,) = post.messages_to(NORTH_CHAT)
    assert [line for line in message.text.splitlines() if line.startswith("- ")] == ["- depot", "- office", "- plant7"]


def test_a_refused_address_costs_nobody_else_the_letter(post: Post) -> None:
    post.smtp.fail_next(1, SmtpFault.REFUSE)
    post.fire(alert(tg="no"))
    post.wait(lambda: len(post.smtp.letters) >= 3, "three letters, one of them at the second attempt")
    post.settle()
    assert post.smtp.failed == 1
    assert post.summary() == _expected(f"[FIRING:1] {KEY}", "north-1@north.example", *NORTH_TECHNICAL)


def test_telegram_out_of_order_delays_no_letter_and_is_tried_again(post: Post) -> None:
    post.telegram.fail_next(2, 429, "Too Many Requests: retry after 1", 1)
    post.fire(alert(client="depot", manager="north-2"))
    post.wait(lambda: post.messages_to(NORTH_CHAT), "the message, at last")
    post.settle()
    assert len(post.telegram.refused) == 2
    assert post.summary() == _expected(f"[FIRING:1] {KEY}", "North-2@north.example", "tech@north.example", NORTH_CHAT)


def test_the_dead_mans_switch_hears_the_watchdog_again_and_again(tmp_path: Path) -> None:
    heard: list[dict[str, object]] = []

    class Switch(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Nothing on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Switch)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings = replace(
        AlertingSettings(operator_emails=("operator@example.org",), base_file=ROOT / "alertmanager/base.yml"),
        watchdog_url=f"http://127.0.0.1:{server.server_port}/switch",
        watchdog_repeat_seconds=0.4,
        templates=(),
    )
    config = tmp_path / "alertmanager.yml"
    config.write_text(render_alertmanager(Inventory(), settings), "utf-8")
    with run_alertmanager(config, tmp_path / "data") as alertmanager:
        alertmanager.post([alert("SmartWatchdog", audience="operator")])
        deadline = time.monotonic() + WAIT_SECONDS
        while len(heard) < 4:
            assert time.monotonic() < deadline, f"heard {len(heard)} times only"
            time.sleep(0.02)
    server.shutdown()
    server.server_close()
    thread.join()
    assert {str(item["status"]) for item in heard} == {"firing"}
