"""What is refused, why, and at which line. Nothing is ever half taken in silence."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sysinfo_reading import FULL, REPORTS, read, searches, sysinfo

from smart.errors import RejectReason, ReportRejected

TWENTIETHS = [FULL[: len(FULL) * part // 20] for part in range(20)]
CP1251 = (REPORTS / "full-windows-1251.xml").read_bytes()
NESTED = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
BILLION = f'<?xml version="1.0"?>\n<!DOCTYPE sysinfo [<!ENTITY e0 "ha">{NESTED}]>\n<sysinfo created="&e9;"/>'.encode()


def refused(data: bytes) -> ReportRejected:
    with pytest.raises(ReportRejected) as caught:
        read(data)
    return caught.value


@pytest.mark.parametrize("data", TWENTIETHS[1:], ids=[f"{part}-20ths" for part in range(1, 20)])
def test_truncated_report_is_refused_with_a_line(data):
    rejected = refused(data)
    assert rejected.reason is RejectReason.BROKEN_XML
    assert 1 <= rejected.line <= data.count(b"\n") + 1
    assert "Файл оборван" in rejected.text
    assert "повторите отправку" in rejected.text


def test_report_cut_anywhere_is_refused():
    end = FULL.rindex(b"</sysinfo>") + len(b"</sysinfo>")
    for length in range(0, end, 7):
        assert refused(FULL[:length]).reason in (RejectReason.BROKEN_XML, RejectReason.EMPTY)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        pytest.param(BILLION, 2, id="10 nested entities"),
        pytest.param(b"<!DOCTYPE sysinfo>\n<sysinfo/>", 1, id="DOCTYPE"),
        pytest.param(b'<!DOCTYPE sysinfo SYSTEM "http://127.0.0.1:1/x.dtd"><sysinfo/>', 1, id="external DTD"),
        pytest.param(
            b'<!DOCTYPE sysinfo [<!ENTITY x SYSTEM "file:///etc/passwd">]><sysinfo created="&x;"/>', 1,
            id="external entity",
        ),
        pytest.param(b'<!DOCTYPE s [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><s/>', 1, id="parameter entity"),
        pytest.param(b"<!DOCTYPE html><html></html>", 1, id="a web page"),
    ],
)  # fmt: skip
def test_document_type_is_refused_at_once(data, line):
    rejected = refused(data)
    assert (rejected.reason, rejected.line) == (RejectReason.DTD, line)


@pytest.mark.parametrize(
    ("data", "says", "line"),
    [
        pytest.param(FULL + b"<sysinfo/>", "два отчёта", 61, id="two roots"),
        pytest.param(FULL + b"text", "после конца отчёта", 61, id="text after the root"),
        pytest.param(FULL + FULL, "два отчёта", 61, id="two reports in one file"),
        pytest.param(b"\n" + FULL, "не в начале файла", 2, id="a blank line before"),
        pytest.param(sysinfo("<users></searches>"), "закрывающий тег", 2, id="tags that do not match"),
        pytest.param(sysinfo('<seats used="1" used="2"/>'), "дважды", 2, id="attribute twice"),
        pytest.param(searches("a & b"), "недопустимый знак", 2, id="bare ampersand"),
        pytest.param(searches("&nbsp;"), "сущность", 2, id="undefined entity"),
        pytest.param(searches("&#0;"), "ссылка", 2, id="reference to NUL"),
        pytest.param(searches("&#xD800;"), "ссылка", 2, id="reference to half a character"),
        pytest.param(searches("a\0b"), "недопустимый знак", 2, id="NUL"),
        pytest.param(searches("a\x01b"), "недопустимый знак", 2, id="control character"),
        pytest.param(b"\0" * 5000, "недопустимый знак", 1, id="zeros"),
        pytest.param(b"date: Thu, 16 Apr 2026 10:08:51 GMT\n", "синтаксис", 1, id="status text"),
        pytest.param(b"   \n ", "не закончен", 2, id="blanks only"),
        pytest.param(FULL[:800] + b"\0" * 800, "", 15, id="the rest of the file is zeros"),
    ],
)
def test_broken_xml_is_refused_with_its_line_and_meaning(data, says, line):
    rejected = refused(data)
    assert (rejected.reason, rejected.line) == (RejectReason.BROKEN_XML, line)
    assert says in rejected.text
    assert "позиция" in rejected.text


def test_empty_file_is_refused():
    assert refused(b"").reason is RejectReason.EMPTY


@pytest.mark.parametrize(
    ("data", "line"),
    [
        pytest.param(CP1251.replace(b"windows-1251", b"UTF-8"), 4, id="windows-1251 called UTF-8"),
        pytest.param(CP1251.replace(b' encoding="windows-1251"', b""), 4, id="windows-1251 not declared"),
        pytest.param(b"\xef\xbb\xbf" + CP1251, 4, id="byte order mark of another encoding"),
        pytest.param(FULL.replace(b"UTF-8", b"windows-1251"), 33, id="UTF-8 called windows-1251"),
        pytest.param(searches("привет, мир").replace(b"UTF-8", b"windows-1251"), 2, id="every byte is a letter"),
        pytest.param(FULL.replace(b"UTF-8", b"KOI8-R"), 4, id="UTF-8 called KOI8-R"),
        pytest.param(CP1251.replace(b"9.402", b"\x98"), 53, id="byte that windows-1251 lacks"),
        pytest.param(FULL.replace(b"UTF-8", b"UTF-16"), 1, id="UTF-8 called UTF-16"),
        pytest.param(FULL.replace(b"UTF-8", b"Shift_JIS"), 1, id="encoding of more bytes"),
        pytest.param(FULL.replace(b"UTF-8", b"rot13"), 1, id="encoding that is no encoding"),
        pytest.param(FULL.replace(b"UTF-8", b"no-such"), 1, id="unknown encoding"),
        pytest.param(FULL.replace(b"9.402", b"\xed\xa0\x80"), 53, id="half a character in UTF-8"),
        pytest.param(FULL.replace(b"9.402", b"\xc0\xaf"), 53, id="overlong UTF-8"),
    ],
)
def test_encoding_that_lies_is_refused_with_its_line(data, line):
    rejected = refused(data)
    assert (rejected.reason, rejected.line) == (RejectReason.BAD_ENCODING, line)


def test_lie_about_the_encoding_is_found_after_much_ascii():
    data = searches(*["ascii"] * 5000, "по-русски").replace(b"UTF-8", b"windows-1251")
    assert refused(data).reason is RejectReason.BAD_ENCODING


ACTIVITY = '<users>\n<user login="u"><activity hour="{hour}" requests="{requests}"/></user></users>'
SEARCH = "<searches>\n<search {}>text</search></searches>"
REJECTION = "<rejections>\n<rejection login='u' time='{}' reason='auth'/></rejections>"
LICENCE = '<databases>\n<database number="1"><licence valid-until="{}"/></database></databases>'
DAY = '<kassist>\n<day date="{}" added="1" unique="1" unmatched="1" checked="1"/></kassist>'
GOOD_SEARCH = 'time="2026-11-20T09:03:12" login="u" found="1"'


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests="много"), "«много», а ожидается целое число от 0"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests="-1"), "«-1»"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests="1.5"), "«1.5»"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests=" 1"), "« 1»"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests="1_000"), "«1_000»"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests="٣"), "«٣»"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests=""), "«»"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests=str(2**63)), "«9223372036854775808»"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests=10**10 + 1), "целое число от 0 до 10000000000"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests="1e400"), "«1e400»"),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests="9" * 5000), "9" * 79 + "…"),
        (ACTIVITY.format(hour="2026-11-20T09:30:00", requests="1"), "«2026-11-20T09:30:00», а ожидается начало часа"),
        (ACTIVITY.format(hour="2026-02-31T09:00:00", requests="1"), "«2026-02-31T09:00:00»"),
        (ACTIVITY.format(hour="20.11.2026 09:00", requests="1"), "«20.11.2026 09:00»"),
        (REJECTION.format("2026-11-20T25:00:00"), "«2026-11-20T25:00:00»"),
        (REJECTION.format("2026-11-20T09:60:00"), "«2026-11-20T09:60:00»"),
        (REJECTION.format("0001-01-01T00:00:00"), "«0001-01-01T00:00:00»"),
        (REJECTION.format("2026-11-20T09:00:00+99:00"), "+99:00"),
        (REJECTION.format("２０２６-11-20T09:00:00"), "２０２６"),
        (SEARCH.format(GOOD_SEARCH.replace('"1"', '"-2"')), "атрибут «found»"),
        (SEARCH.format(GOOD_SEARCH + ' ms="быстро"'), "атрибут «ms»"),
        (SEARCH.format(GOOD_SEARCH.replace("09:03:12", "09:03:12x")), "атрибут «time»"),
        ('<registration\n seats="двадцать"/>', "атрибут «seats» элемента <registration>"),
        ('<registration\n valid-until="2026-06-31"/>', "дата вида"),
        ('<registration\n supported="наверно"/>', "одно из слов: no, yes"),
        ('<sessions>\n<session login="u" seat="2"/></sessions>', "атрибут «seat»"),
        (LICENCE.format("никогда"), "атрибут «valid-until» элемента <databases/database/licence>"),
        (DAY.format("2026-13-01"), "«2026-13-01»"),
    ],
)  # fmt: skip
def test_wrong_value_is_refused_with_its_place_value_and_line(inside, says):
    rejected = refused(sysinfo(inside))
    assert rejected.reason is RejectReason.BAD_VALUE
    assert says in rejected.text
    # Single values of a report are said with the line of its root element, records with their own.
    assert rejected.line == (1 if inside.startswith("<registration") else 3)


@pytest.mark.parametrize(
    ("data", "says", "line"),
    [
        pytest.param(sysinfo(root=""), "не указано: атрибут «created» корневого элемента", 1, id="no created"),
        pytest.param(b"<report/>", "корневой элемент <report>, а должен быть <sysinfo>", 1, id="another root"),
        pytest.param(sysinfo(SEARCH.format(GOOD_SEARCH.replace("login=", "l="))), "«login»", 3, id="search of nobody"),
        pytest.param(sysinfo("<users>\n<user/></users>"), "«login» элемента <users/user>", 3, id="user without login"),
        pytest.param(sysinfo('<users>\n<user><activity hour="2026-11-20T09:00:00" requests="1"/></user></users>'),
                     "«login»", 3, id="activity of nobody"),
        pytest.param(sysinfo('<seats used="1"/>\n<seats used="2"/>'), "дважды", 3, id="a single value twice"),
        pytest.param(sysinfo('<registration><protection status="ok"/>\n<protection status="error"/></registration>'),
                     "дважды", 3, id="two states of the key"),
        pytest.param(sysinfo("<x>" * 70 + "</x>" * 70), "глубже 64", 2, id="deep nesting"),
    ],
)  # fmt: skip
def test_other_layout_is_refused_with_what_is_missing(data, says, line):
    rejected = refused(data)
    assert (rejected.reason, rejected.line) == (RejectReason.WRONG_LAYOUT, line)
    assert says in rejected.text


@pytest.mark.parametrize(
    ("around", "record"),
    [
        ("<databases><database number='1'>{}</database></databases>", "<operup file='f'/>"),
        ("<databases><database number='1'>{}</database></databases>", "<error/>"),
        ("<databases>{}</databases>", "<database number='1'/>"),
        ("<state>{}</state>", "<warning/>"),
        ("<components>{}</components>", "<component name='k' version='1'/>"),
        ("<catalogs>{}</catalogs>", "<catalog path='/'/>"),
    ],
)
def test_more_small_records_than_memory_should_hold_are_refused(around, record):
    assert "вместе больше 100000" in refused(sysinfo(around.format(record * 100_001))).text


LONG = "я" * 301
PATH, CODE = "я" * 401, "я" * 201


@pytest.mark.parametrize(
    ("inside", "longest"),
    [
        (f"<users>\n<user login='{LONG}'/></users>", 300),
        (f"<users>\n<user login='u' domain='{LONG}'/></users>", 300),
        (ACTIVITY.format(hour="2026-11-20T09:00:00", requests=1).replace('login="u"', f'login="{LONG}"'), 300),
        (SEARCH.format(GOOD_SEARCH.replace('login="u"', f'login="{LONG}"')), 300),
        (SEARCH.format(f'{GOOD_SEARCH} catalog="{LONG}"'), 300),
        (SEARCH.format(f'{GOOD_SEARCH} type="{LONG}"'), 300),
        (SEARCH.format(f'{GOOD_SEARCH} source="{LONG}"'), 300),
        (REJECTION.format("2026-11-20T09:00:00").replace("'auth'", f"'{LONG}'"), 300),
        (f"<components>\n<component name='{LONG}' version='1'/></components>", 300),
        (f"<components>\n<component name='k' version='{LONG}'/></components>", 300),
        (f"<databases>\n<database number='{LONG}'/></databases>", 300),
        (f"<databases>\n<database number='1' file='{PATH}'/></databases>", 400),
        (f"<databases>\n<database number='1'><operup file='{PATH}'/></database></databases>", 400),
        (f"<databases>\n<database number='1'><error code='{CODE}'/></database></databases>", 200),
    ],
)
def test_text_too_long_for_a_key_is_refused_with_its_line(inside, longest):
    rejected = refused(sysinfo(inside))
    assert (rejected.reason, rejected.line) == (RejectReason.BAD_VALUE, 3)
    assert f"ожидается значение не длиннее {longest} знаков" in rejected.text
    read(sysinfo(inside.replace("я" * (longest + 1), "я" * longest)))


def test_line_of_a_wrong_value_is_right_far_into_the_file():
    good = f"<search {GOOD_SEARCH}>запрос</search>\n"
    inside = "<searches>\n" + good * 9000 + good.replace('found="1"', 'found="x"') + good * 9000 + "</searches>"
    assert refused(sysinfo(inside)).line == 9003


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(sysinfo(f'<server os="{"x" * 3_000_000}"/>'), id="attribute"),
        pytest.param(sysinfo(f"<!--{'x' * 3_000_000}-->"), id="comment"),
        pytest.param(b'<sysinfo created="' + b"2" * 3_000_000, id="attribute without end"),
        pytest.param(b"<!DOCTYPE x SYSTEM '" + b"2" * 3_000_000, id="document type without end"),
    ],
)
def test_tag_without_end_is_refused_before_it_costs_time(data):
    rejected = refused(data)
    assert rejected.reason is RejectReason.BROKEN_XML
    assert "длиннее 1 МиБ" in rejected.text


def test_attributes_up_to_a_mebibyte_and_many_of_them_are_taken():
    many = " ".join(f'a{number}="x"' for number in range(20_000))
    report, _ = read(sysinfo(f'<server os="{"x" * 900_000}" {many}/>'))
    assert report.os == "x" * 900_000


def test_control_characters_of_a_value_do_not_reach_the_reason():
    rejected = refused(sysinfo('<seats used="1&#10;2&#x202e;"/>'))
    assert rejected.text.isprintable()


@given(st.binary(max_size=400))
@example(b"<")
@example(b"\xff\xfe<\x00\x00\xd8")
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_are_refused_and_nothing_else_happens(data):
    assert refused(data).text


@given(st.integers(0, len(FULL) - 1), st.binary(min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_report_with_arbitrary_bytes_in_it_is_read_or_refused(index, noise):
    noisy = FULL[:index] + noise + FULL[index + len(noise) :]
    with contextlib.suppress(ReportRejected):
        read(noisy)
