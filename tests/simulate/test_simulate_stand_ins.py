"""The mail sink and the stand-in for Telegram: they take what the real ones take and refuse what these refuse."""

from __future__ import annotations

import smtplib
import time
from email.message import EmailMessage

import pytest
import requests

from smart.simulate.smtp_sink import SmtpFault, SmtpSink
from smart.simulate.telegram import TelegramStandIn

TOKEN = "1:telegram"
GROUP, PERSON = -1001, 42


def letter(to: str = "north-1@demo.example", subject: str = "[FIRING:1] KodeksXmlSensLockStatus") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "smart@demo.example", to, subject
    message.set_content("Ключ не работает")
    message.add_alternative("<p>Ключ <b>не работает</b></p>", subtype="html")
    return message


def send(sink: SmtpSink, message: EmailMessage, **options) -> None:
    host, _, port = sink.address.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=10) as server:
        server.send_message(message, **options)


def test_a_letter_is_kept_with_its_parts_and_recipients() -> None:
    seen = []
    with SmtpSink(on_letter=seen.append) as sink:
        send(sink, letter(to="a@demo.example, b@demo.example", subject="Тема по-русски"))
    (kept,) = sink.letters
    assert seen == [kept]
    assert kept.to == ("a@demo.example", "b@demo.example")
    assert (kept.sender, kept.subject) == ("smart@demo.example", "Тема по-русски")
    assert kept.text == "Ключ не работает"
    assert kept.html == "<p>Ключ <b>не работает</b></p>"


def test_a_letter_with_only_html_has_no_text() -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@b.example", "c@d.example", "x"
    message.set_content("<p>привет</p>", subtype="html")
    with SmtpSink() as sink:
        send(sink, message)
    assert (sink.letters[0].text, sink.letters[0].html) == ("", "<p>привет</p>")


def test_recipients_are_those_of_the_envelope_not_of_the_header() -> None:
    with SmtpSink() as sink:
        send(sink, letter(to="shown@demo.example"), to_addrs=["hidden@demo.example"])
    assert sink.letters[0].to == ("hidden@demo.example",)


def test_a_temporary_failure_passes() -> None:
    with SmtpSink() as sink:
        sink.fail_next(1, SmtpFault.TEMPORARY)
        with pytest.raises(smtplib.SMTPDataError) as failure:
            send(sink, letter())
        assert failure.value.smtp_code == 451
        send(sink, letter())
    assert (len(sink.letters), sink.failed) == (1, 1)


def test_a_refused_recipient_is_refused_for_good() -> None:
    with SmtpSink() as sink:
        sink.fail_next(1, SmtpFault.REFUSE)
        with pytest.raises(smtplib.SMTPRecipientsRefused) as failure:
            send(sink, letter())
        assert failure.value.recipients["north-1@demo.example"][0] == 550
    assert not sink.letters


def test_a_slow_server_delivers_in_the_end() -> None:
    with SmtpSink(slow_seconds=0.5) as sink:
        sink.fail_next(1, SmtpFault.SLOW)
        begun = time.monotonic()
        send(sink, letter())
        assert time.monotonic() - begun >= 0.5
    assert len(sink.letters) == 1


def test_the_sink_stops_although_a_sender_stays_connected() -> None:
    with SmtpSink() as sink:
        host, _, port = sink.address.rpartition(":")
        left_open = smtplib.SMTP(host, int(port), timeout=10)
    left_open.close()
    with pytest.raises(OSError, match="refused"):
        smtplib.SMTP(host, int(port), timeout=2)


@pytest.fixture
def telegram():
    with TelegramStandIn(TOKEN, [GROUP, PERSON]) as running:
        yield running


def call(telegram: TelegramStandIn, method: str = "sendMessage", token: str = TOKEN, **arguments):
    answer = requests.post(f"{telegram.url}/bot{token}/{method}", json=arguments, timeout=10)
    body = answer.json()
    assert body["ok"] == (answer.status_code == 200)
    assert body.get("error_code", 200) == answer.status_code
    return body


def test_a_message_is_delivered_as_a_person_reads_it(telegram: TelegramStandIn) -> None:
    text = '<b>FIRING</b> a &lt; b &amp; c\n<a href="https://example.org/?a=1">Описание</a>'
    result = call(telegram, chat_id=str(GROUP), text=text, parse_mode="HTML", disable_notification="true")["result"]
    assert result["chat"] == {"id": GROUP, "type": "supergroup"}
    (message,) = telegram.messages
    assert (message.chat, message.text) == (GROUP, "FIRING a < b & c\nОписание")
    assert message.links == ("https://example.org/?a=1",)
    assert message.source == text
    assert message.silent


def test_form_and_query_calls_work_as_well(telegram: TelegramStandIn) -> None:
    address = f"{telegram.url}/bot{TOKEN}/sendMessage"
    assert requests.post(address, data={"chat_id": PERSON, "text": "раз"}, timeout=10).ok
    assert requests.get(address, params={"chat_id": PERSON, "text": "два"}, timeout=10).ok
    assert [message.text for message in telegram.messages] == ["раз", "два"]


def test_the_bot_says_who_it_is(telegram: TelegramStandIn) -> None:
    assert call(telegram, "getMe")["result"]["is_bot"] is True


REFUSED = {
    "wrong token": (401, "Unauthorized", {"token": "1:other", "chat_id": GROUP, "text": "x"}),
    "unknown method": (404, "Not Found", {"method": "sendPigeon", "chat_id": GROUP, "text": "x"}),
    "no chat": (400, "Bad Request: chat_id is empty", {"text": "x"}),
    "unknown chat": (400, "Bad Request: chat not found", {"chat_id": -5, "text": "x"}),
    "no text": (400, "Bad Request: message text is empty", {"chat_id": GROUP}),
    "only tags": (400, "Bad Request: message text is empty", {"chat_id": GROUP, "text": "<b> </b>"}),
    "too long": (400, "Bad Request: message is too long", {"chat_id": GROUP, "text": "ы" * 4097}),
    "too long in utf-16": (400, "Bad Request: message is too long", {"chat_id": GROUP, "text": "🔥" * 2049}),
    "wrong mode": (400, "Bad Request: unsupported parse_mode", {"chat_id": GROUP, "text": "x", "parse_mode": "BBCode"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_telegram_refuses_is_refused_in_its_words(telegram: TelegramStandIn, case: str) -> None:
    code, words, arguments = REFUSED[case]
    body = call(telegram, **{"parse_mode": "HTML", **arguments})
    assert (body["error_code"], body["description"]) == (code, words)
    assert not telegram.messages
    assert [error.code for error in telegram.refused] == [code]


ENTITIES = {
    "<b>x": 'Can\'t find end tag corresponding to start tag "b"',
    "<table>x</table>": 'Unsupported start tag "table" at byte offset 0',
    "температура < 40": 'Unsupported start tag "" at byte offset 23',
    "<b>x</i>": 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"',
    "x</b>": "Unexpected end tag at byte offset 1",
    "<b>x</b": "Unclosed end tag at byte offset 4",
    "x <b": "Unclosed start tag at byte offset 2",
    '<a href="y>x</a>': 'Empty attribute name in the tag "a" at byte offset 0',
    "<span>x</span>": 'Tag "span" must have class "tg-spoiler" at byte offset 0',
}


@pytest.mark.parametrize("text", ENTITIES)
def test_bad_html_is_refused_with_the_place(telegram: TelegramStandIn, text: str) -> None:
    body = call(telegram, chat_id=GROUP, text=text, parse_mode="HTML")
    assert body["description"] == f"Bad Request: can't parse entities: {ENTITIES[text]}"
    assert not telegram.messages


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("&lt;b&gt; &quot;x&quot; &#39;y&#39; &#x410;", "<b> \"x\" 'y' А"),
        ("&nbsp; &unknown; & a", "&nbsp; &unknown; & a"),
        ("<b>a<i>b</i></b><code>c</code><pre>d</pre>", "abcd"),
        ("<B>a</B> <a href='https://x.example'>b</a>", "a b"),
        ('<span class="tg-spoiler">a</span> <blockquote expandable>b</blockquote>', "a b"),
        ("ы" * 4096, "ы" * 4096),
        ("&amp;" * 4000, "&" * 4000),
    ],
    ids=["entities", "unknown-entities", "nested", "case-and-quotes", "attributes", "longest", "counted-after-parsing"],
)
def test_good_html_is_read_as_telegram_reads_it(telegram: TelegramStandIn, text: str, read: str) -> None:
    assert call(telegram, chat_id=GROUP, text=text, parse_mode="HTML")["ok"]
    assert telegram.messages[0].text == read


def test_without_a_mode_tags_are_text(telegram: TelegramStandIn) -> None:
    assert call(telegram, chat_id=GROUP, text="<b>x")["ok"]
    assert telegram.messages[0].text == "<b>x"


def test_a_second_message_within_a_second_is_told_to_wait() -> None:
    with TelegramStandIn(TOKEN, [GROUP, PERSON], limited=True) as telegram:
        assert call(telegram, chat_id=PERSON, text="раз")["ok"]
        body = call(telegram, chat_id=PERSON, text="два")
        assert call(telegram, chat_id=GROUP, text="другой чат")["ok"]
    assert body["error_code"] == 429
    assert body["description"] == "Too Many Requests: retry after 1"
    assert body["parameters"] == {"retry_after": 1}
    assert [message.text for message in telegram.messages] == ["раз", "другой чат"]


def test_a_group_takes_twenty_messages_a_minute() -> None:
    with TelegramStandIn(TOKEN, [GROUP, PERSON], limited=True, chat_seconds=0.0) as telegram:
        answers = [call(telegram, chat_id=GROUP, text=str(number)) for number in range(21)]
        persons = [call(telegram, chat_id=PERSON, text=str(number)) for number in range(21)]
    assert [answer["ok"] for answer in answers] == [True] * 20 + [False]
    assert 50 <= answers[20]["parameters"]["retry_after"] <= 61
    assert all(answer["ok"] for answer in persons)


def test_failures_can_be_ordered(telegram: TelegramStandIn) -> None:
    telegram.fail_next(1)
    telegram.fail_next(1, 429, "Too Many Requests: retry after 3", retry_after=3)
    codes = [call(telegram, chat_id=GROUP, text="x").get("error_code") for _ in range(3)]
    assert codes == [502, 429, None]
