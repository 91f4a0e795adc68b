"""Was it the right messages, and no others? The check the demo stands on must see every way to be wrong."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from smart.simulate.delivery import Delivered, differences, headline, readable
from smart.simulate.demo import ALERT, expected_of
from smart.simulate.smtp_sink import Letter
from smart.simulate.telegram import TelegramMessage

MANAGER, TECHNICAL = "north-1@demo.example", "north-technical@demo.example"
CHAT, OWN_CHAT = -1001000000001, 1000000011


def letter(to: str, subject: str = f"[FIRING:1] {ALERT}", text: str = "", html: str = "") -> Letter:
    return Letter("smart@demo.example", (to,), subject, text, html, 0.0, EmailMessage())


def message(chat: int, text: str = f"FIRING {ALERT}\n\n- plant7") -> TelegramMessage:
    return TelegramMessage(chat, text, text, (), False, 0.0)


RIGHT = [letter(MANAGER), letter(TECHNICAL)], [message(CHAT), message(OWN_CHAT)]


def test_the_manager_and_the_technical_people_must_hear_of_the_incident_both_ways() -> None:
    assert expected_of("FIRING") == [
        Delivered(MANAGER, "FIRING", ALERT),
        Delivered(TECHNICAL, "FIRING", ALERT),
        Delivered(str(CHAT), "FIRING", ALERT),
        Delivered(str(OWN_CHAT), "FIRING", ALERT),
    ]
    assert differences(expected_of("FIRING"), *RIGHT) == []


@pytest.mark.parametrize(
    ("letters", "messages", "complaint"),
    [
        (RIGHT[0][:1], RIGHT[1], f"missing: FIRING {ALERT} to {TECHNICAL}"),
        (RIGHT[0], RIGHT[1][1:], f"missing: FIRING {ALERT} to {CHAT}"),
        ([*RIGHT[0], letter(MANAGER)], RIGHT[1], f"delivered 2 times: FIRING {ALERT} to {MANAGER}"),
        (
            [*RIGHT[0], letter("south-1@demo.example")],
            RIGHT[1],
            f"not expected: FIRING {ALERT} to south-1@demo.example",
        ),
        (RIGHT[0], [*RIGHT[1], message(-1001000000002)], f"not expected: FIRING {ALERT} to -1001000000002"),
        (
            [*RIGHT[0], letter(MANAGER, "[FIRING:2] KodeksDBLicensesZero")],
            RIGHT[1],
            f"not expected: FIRING KodeksDBLicensesZero to {MANAGER}",
        ),
        (
            [*RIGHT[0], letter(MANAGER, f"[RESOLVED] {ALERT}")],
            RIGHT[1],
            f"not expected: RESOLVED {ALERT} to {MANAGER}",
        ),
    ],
    ids=["letter-missing", "chat-missing", "twice", "other-branch", "other-chat", "other-alert", "too-early"],
)
def test_every_wrong_delivery_is_named(letters, messages, complaint: str) -> None:
    assert differences(expected_of("FIRING"), letters, messages) == [complaint]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[FIRING:12] KodeksIcmp", ("FIRING", "KodeksIcmp")),
        ("[RESOLVED] KodeksIcmp", ("RESOLVED", "KodeksIcmp")),
        ("\nRESOLVED KodeksIcmp\n\n- plant7", ("RESOLVED", "KodeksIcmp")),
        ("Quota exceeded", ("", "Quota exceeded")),
    ],
)
def test_headlines_are_read_from_subjects_and_messages(text: str, parts: tuple[str, str]) -> None:
    assert headline(text) == parts


def test_a_letter_of_html_alone_is_read_without_its_tags() -> None:
    html = (
        "<html><head><title>x</title><style>p {color: red}</style></head><body><p>Список:</p>"
        '<ul><li>plant7 &amp; Ко</li></ul><p><a href="https://x.example/a">Описание</a></p></body></html>'
    )
    assert readable(letter(MANAGER, html=html)) == "Список:\n\n• plant7 & Ко\n\nОписание (https://x.example/a)"
    assert readable(letter(MANAGER, text="как есть", html=html)) == "как есть"
