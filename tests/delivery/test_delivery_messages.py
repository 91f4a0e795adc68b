"""What the messages say: every value whole or cut at a letter, escaped, within limits, in the branch's time."""

from __future__ import annotations

import re
import time
from datetime import datetime
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from delivery_stack import NORTH_CHAT, SOUTH_CHAT, Post, alert

TELEGRAM_LONGEST = 3500
MOSCOW = ZoneInfo("Europe/Moscow")
AWKWARD = "a<b>&amp; \"кавычки\" 'апостроф' \\путь\\ _под_ *звезда* [x](y) {{ .Labels }} +1 </td>"
SEARCH = {
    "severity": "info",
    "priority": "K5",
    "audience": "usage",
    "group": "users",
    "tg": "no",
    "res": "no",
    "user": "user017",
    "text": "В БД нет того что искал пользователь user017",
    "batch": "2026-03-14 20:00",
}


class _Reader(HTMLParser):
    """The text a person sees, and proof that every tag is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.opened: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br"}:
            self.opened.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


def read_html(source: str) -> _Reader:
    reader = _Reader()
    reader.feed(source)
    reader.close()
    assert reader.opened == []
    return reader


def test_a_letter_says_what_broke_where_since_when_and_what_to_do(post: Post) -> None:
    started = datetime(2026, 3, 14, 20, 8, tzinfo=MOSCOW).timestamp()
    post.fire(alert(started=started))
    post.wait(lambda: post.letters_to("north-1@north.example"), "the letter")
    (letter,) = post.letters_to("north-1@north.example")
    assert letter.subject == "[FIRING:1] KodeksXmlSensLockStatus"
    assert letter.sender == "smart@example.org"
    page = read_html(letter.html)
    for text in (" ".join(letter.text.split()), " ".join(" ".join(page.seen).split())):
        assert "По информации xml sysinfo ключ SensLock не работает" in text
        assert "• plant7" in text or "plant7" in page.seen
        assert "ООО «Завод № 7»" in text
        assert "с 14.03.2026 20:08 МСК" in text
        assert "Ответ защиты: 4111 Ключ не найден. Отчёт от 14.03 20:00." in text
        assert "http://smart.example/docs/errors/KodeksXmlSensLockStatus.md" in text
        assert "https://t.me/example_north" in text
        assert "Северный филиал" in text
        assert "Что делать: узнайте, на месте ли ключ." in text
    assert "http://smart.example/docs/errors/KodeksXmlSensLockStatus.md" in page.links


def test_a_telegram_message_has_the_users_layout(post: Post) -> None:
    started = datetime(2026, 3, 14, 20, 8, tzinfo=MOSCOW).timestamp()
    post.fire(alert(started=started))
    post.wait(lambda: post.messages_to(NORTH_CHAT), "the message")
    (message,) = post.messages_to(NORTH_CHAT)
    assert message.text.splitlines() == [
        "FIRING KodeksXmlSensLockStatus",
        "",
        "- plant7",
        "",
        "По информации xml sysinfo ключ SensLock не работает plant7",
        "ООО «Завод № 7»",
        "С 14.03.2026 20:08 МСК",
        "Ответ защиты: 4111 Ключ не найден. Отчёт от 14.03 20:00.",
        "",
        "Что делать: узнайте, на месте ли ключ.",
        "",
        "----------------",
        "Развёрнутое описание аварии:",
        "KodeksXmlSensLockStatus",
    ]
    assert message.links == ("http://smart.example/docs/errors/KodeksXmlSensLockStatus.md",)


def test_every_branch_reads_its_own_time(post: Post) -> None:
    started = datetime(2026, 3, 14, 20, 8, tzinfo=MOSCOW).timestamp()
    post.fire(alert(started=started, branch="south", manager="south-1"))
    post.wait(lambda: post.letters_to("all@south.example") and post.messages_to(SOUTH_CHAT), "both channels")
    assert "с 15.03.2026 00:08 UTC+7" in post.letters_to("all@south.example")[0].text
    assert "С 15.03.2026 00:08 UTC+7" in post.messages_to(SOUTH_CHAT)[0].text


def test_what_people_type_is_shown_as_typed_and_breaks_nothing(post: Post) -> None:
    long = "Ж" * 300
    post.fire(
        alert("KodeksSearchIsEmpty", query=AWKWARD, **SEARCH),
        alert("KodeksSearchIsEmpty", query=long, **SEARCH),
        alert("KodeksDBerrorsNoCode", filename=AWKWARD, annotations={"details": AWKWARD, "clientname": AWKWARD}),
    )
    post.wait(lambda: post.letters_to("usage@north.example") and post.messages_to(NORTH_CHAT), "both")
    (letter,) = post.letters_to("usage@north.example")
    assert letter.subject == "[FIRING:2] KodeksSearchIsEmpty"
    seen = "".join(read_html(letter.html).seen)
    for text in (letter.text, seen):
        assert f"plant7 - {AWKWARD}" in text
        assert f"plant7 - {'Ж' * 200}…" in text
        assert "Ж" * 201 not in text
    (message,) = post.messages_to(NORTH_CHAT)
    assert message.text.count(AWKWARD) == 3
    assert post.telegram.refused == []


def test_five_hundred_clients_fit_into_one_message_and_one_letter(post: Post) -> None:
    post.fire(*(alert(client=f"client-{number:03}") for number in range(500)))
    post.wait(lambda: post.messages_to(NORTH_CHAT) and post.letters_to("tech@north.example"), "both")
    (message,) = post.messages_to(NORTH_CHAT)
    lines = message.text.splitlines()
    assert [line for line in lines if line.startswith("- ")] == [f"- client-{number:03}" for number in range(20)]
    assert "… и ещё 480" in lines
    assert "По информации xml sysinfo ключ SensLock не работает" in lines
    assert len(message.source) <= TELEGRAM_LONGEST
    (letter,) = post.letters_to("tech@north.example")
    assert letter.subject == "[FIRING:500] KodeksXmlSensLockStatus"
    assert sum(re.fullmatch(r"  • client-\d+", line) is not None for line in letter.text.splitlines()) == 100
    assert letter.text.count("… и ещё 400") == 2  # of the list and of the details
    assert read_html(letter.html).seen.count("… и ещё 400") == 2


def test_five_hundred_empty_searches_are_fifty_lines_and_how_many_more(post: Post) -> None:
    post.fire(*(alert("KodeksSearchIsEmpty", query=f"запрос {number:03}", **SEARCH) for number in range(500)))
    post.wait(lambda: post.letters_to("usage@north.example"), "the letter")
    (letter,) = post.letters_to("usage@north.example")
    assert letter.subject == "[FIRING:500] KodeksSearchIsEmpty"
    assert sum(line.startswith("  • plant7 - запрос ") for line in letter.text.splitlines()) == 50
    assert "  … и ещё 450" in letter.text.splitlines()


def test_what_is_true_of_all_searches_of_a_client_is_said_once(post: Post) -> None:
    known = "Узнали из отчёта от 14.03.2026 20:00. Кроме показанных, есть ещё 450."
    notes = {"details": f"Атрибутный поиск. {known}"}
    post.fire(*(alert("KodeksSearchIsEmpty", query=f"гост {n}", annotations=notes, **SEARCH) for n in (1, 2, 3)))
    post.wait(lambda: post.letters_to("usage@north.example"), "the letter")
    (letter,) = post.letters_to("usage@north.example")
    words = "В БД нет того что искал пользователь user017: plant7 - гост"
    lines = [line for line in letter.text.splitlines() if line.startswith(words)]
    expected = [f"{words} {n}. Атрибутный поиск." for n in (1, 2, 3)]
    assert lines == [f"{expected[0]} {known}", *expected[1:]]
    seen = " ".join("".join(read_html(letter.html).seen).split())
    assert [seen.count(line) for line in (known, *expected)] == [1, 1, 1, 1]


def test_a_letter_names_the_registration_number_where_the_alert_has_it(post: Post) -> None:
    post.fire(alert("KodeksLimitsUsers", clientname="ООО «Завод № 7»", regnum="599_12345"))
    post.wait(lambda: post.letters_to("tech@north.example"), "the letter")
    (letter,) = post.letters_to("tech@north.example")
    assert "ООО «Завод № 7», рег. номер 599_12345" in read_html(letter.html).seen
    assert "    ООО «Завод № 7», рег. номер 599_12345, с " in letter.text


def test_an_end_does_not_say_what_to_do(post: Post) -> None:
    started = time.time() - 120
    post.fire(alert(started=started))
    post.wait(lambda: post.messages_to(NORTH_CHAT) and post.letters_to("tech@north.example"), "FIRING")
    post.fire(alert(started=started, ended=started + 30))
    post.wait(lambda: len(post.messages_to(NORTH_CHAT)) > 1 and len(post.letters_to("tech@north.example")) > 1, "both")
    told, over = post.letters_to("tech@north.example")
    assert "Приоритет K2, критично." in told.text
    assert "Приоритет K2." in over.text
    for text in (over.text, over.html, post.messages_to(NORTH_CHAT)[1].text):
        assert "Что делать" not in text


def test_several_files_of_one_client_are_one_line_of_the_list(post: Post) -> None:
    post.fire(
        *(alert("KodeksDBerrorsNoCode", filename=f"C:\\DB\\{number}.d6d") for number in range(3)),
        alert("KodeksDBerrorsNoCode", filename="C:\\DB\\1.d6d", client="depot", manager="north-2"),
    )
    post.wait(lambda: post.messages_to(NORTH_CHAT), "the message")
    (message,) = post.messages_to(NORTH_CHAT)
    assert [line for line in message.text.splitlines() if line.startswith("- ")] == ["- depot", "- plant7"]
    assert "По информации xml sysinfo ключ SensLock не работает plant7 - C:\\DB\\2.d6d" in message.text


@pytest.mark.parametrize("filler", ["Ж", '"', "&", "<", "'+", "🔑"])
def test_the_longest_values_stay_within_telegrams_limit(post: Post, filler: str) -> None:
    full = filler * 3000
    post.fire(
        *(
            alert(
                "KodeksDBerrorsCodeXXXCount",
                text=full,
                filename=full,
                client=f"{number}{full}",
                annotations={
                    "details": full,
                    "clientname": full,
                    "action": full[:400],
                    "list": "; ".join([full[:60]] * 20),
                },
            )
            for number in range(5)
        )
    )
    post.wait(lambda: post.messages_to(NORTH_CHAT) or post.telegram.refused, "an answer of Telegram")
    assert post.telegram.refused == []
    (message,) = post.messages_to(NORTH_CHAT)
    assert len(message.source) <= TELEGRAM_LONGEST
    assert "�" not in message.source
    assert message.text.endswith("KodeksDBerrorsCodeXXXCount")
    assert message.links


def test_a_count_names_whom_it_counts(post: Post) -> None:
    names = "; ".join(f"client-{number}" for number in range(20)) + " … и ещё 11"
    post.fire(
        alert(
            "KodeksMaintenanceCount",
            client=None,
            manager=None,
            kind=None,
            text="Много установок на обслуживании",
            annotations={"details": "Затронуто: 31.", "list": names, "clientname": ""},
        )
    )
    post.wait(lambda: post.messages_to(NORTH_CHAT) and post.letters_to("tech@north.example"), "both")
    lines = post.messages_to(NORTH_CHAT)[0].text.splitlines()
    assert lines[2:5] == ["- весь филиал", "", "Много установок на обслуживании"]
    assert lines[6:8] == ["Затронуто: 31.", "- client-0"]
    assert lines[26:28] == ["- client-19", "… и ещё 11"]
    letter = post.letters_to("tech@north.example")[0]
    listed = names.replace("; ", ";\n").replace(" …", "\n…")  # one a line
    for text in (letter.text, "".join(read_html(letter.html).seen)):
        assert listed in "\n".join(text.splitlines())


def test_one_of_two_recovered_is_told_as_both(post: Post) -> None:
    started = time.time() - 90 * 60
    post.fire(alert(), alert(client="office"))
    post.wait(lambda: post.messages_to(NORTH_CHAT), "FIRING")
    post.fire(alert(started=started, ended=time.time()))
    post.wait(lambda: len(post.messages_to(NORTH_CHAT)) > 1 and len(post.letters_to("tech@north.example")) > 1, "both")
    text = post.messages_to(NORTH_CHAT)[1].text
    assert text.startswith("FIRING KodeksXmlSensLockStatus\n\n- office\n\nБольше не наблюдается:\n- plant7\n")
    assert "Больше не наблюдается: «По информации xml sysinfo ключ SensLock не работает» plant7" in text
    assert "длилось 1 ч 30 мин" in text
    letter = post.letters_to("tech@north.example")[1]
    assert letter.subject == "[FIRING:1] KodeksXmlSensLockStatus"
    assert letter.text.index("office") < letter.text.index("Больше не наблюдается:") < letter.text.index("plant7")


def test_a_letter_of_recovery_says_so_at_the_top(post: Post) -> None:
    started = time.time() - 120
    post.fire(alert(started=started))
    post.wait(lambda: post.letters_to("tech@north.example"), "FIRING")
    post.fire(alert(started=started, ended=started + 30))
    post.wait(lambda: len(post.letters_to("tech@north.example")) > 1, "RESOLVED")
    letter = post.letters_to("tech@north.example")[1]
    assert letter.subject == "[RESOLVED] KodeksXmlSensLockStatus"
    first_line = "Больше не наблюдается: «По информации xml sysinfo ключ SensLock не работает»"
    assert letter.text.splitlines()[0] == first_line
    assert first_line in read_html(letter.html).seen
    assert "длилось меньше минуты" in letter.text
    assert "Подробности" not in letter.html
