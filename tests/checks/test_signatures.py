"""Error codes: how a report's words become a code and a class."""

from __future__ import annotations

import pytest

from smart.checks.signatures import BUILT_IN, classify, load_signatures, with_operators
from smart.errors import ConfigError

CASES = {
    "a code as given": ("2007", "", ("2007", "protection")),
    "another number of the same error": ("4103", "Нет прав", ("2007", "protection")),
    "leading zeros": ("0601", "", ("601", "volume")),
    "5 of a file": ("5", r"Не могу открыть файл \\srv\base\x.db (ошибка 5)", ("5", "file")),
    "5 of a file by the system's words": ("5", "Access is denied.", ("5", "file")),
    "5 of the protection": ("5", "Неверная лицензия", ("5", "protection")),
    "5 of the protection, in words": ("", "Ошибка защиты 5", ("5", "protection")),
    "5 alone": ("5", "", ("5", "protection")),
    "4101 of a package": ("4101", "Неправильная версия для лицензии в БД", ("4101", "update")),
    "4101 of a product": ("4101", "Лицензия на раздел с другим номером обновления", ("2020", "licence")),
    "4101 alone": ("4101", "", ("2020", "licence")),
    "4101 with the word package": ("4101", "Пакет d1234 пропущен", ("4101", "update")),
    "number in brackets": ("", "Ошибка защиты (4107)", ("50", "protection")),
    "number without brackets": ("", "Ошибка защиты 4111 Not connected", ("4111", "protection")),
    "number of a file": ("", r"Не могу открыть файл D:\base (2)\x.db (ошибка 53)", ("53", "file")),
    "unknown number of a file": ("", r"Не могу открыть файл D:\x.db (ошибка 1117)", ("1117", "file")),
    "unknown number of the protection": ("", "Ошибка защиты 53", ("53", "protection")),
    "a file without a number": ("", r"Не могу открыть файл D:\x.db", ("none", "file")),
    "area": ("", "Ошибка 696 (Area: 5, Atr: 7)", ("696", "volume")),
    "zero after the structure": ("", "Ошибка в структуре базы данных ТОМ (0)", ("669", "volume")),
    "a detail after the structure": ("", "Ошибка в структуре базы данных ТОМ (17)", ("601", "volume")),
    "a detail that is a code elsewhere": ("", "Внутренняя ошибка (5)", ("600", "volume")),
    "a detail before the words": ("", "(1) нет доступа к драйверу", ("665", "protection")),
    "unknown number in the last brackets": ("", "Что-то случилось (77)", ("77", "other")),
    "text without a number": ("", "Документ был изменён или редактируется", ("610", "routine")),
    "package already there": ("", "Пакет уже был добавлен, пропущен", ("793", "routine")),
    "package for others": ("", "Пакет для разделов с другим номером обновления", ("792", "routine")),
    "letters ё and е": ("", "ИСТЁК СРОК  ДЕЙСТВИЯ лицензии", ("2021", "licence")),
    "too many users is routine": ("", "Ошибка защиты 2008 Количество пользователей …", ("2008", "routine")),
    "already connected": ("", "Том базы данных уже подключён", ("none", "duplicate")),
    "already connected, with a number": ("12", "Том базы данных уже подключен", ("none", "duplicate")),
    "protect string": ("", "Invalid protect string", ("none", "protection")),
    "nothing known": ("", "Нечто", ("none", "other")),
    "nothing at all": ("", "", ("none", "other")),
    "code zero is none": ("0", "Нечто", ("none", "other")),
    "a code that is no word": ("oh no!\n", "Нечто", ("none", "other")),
    "a code that is a word": ("E-17", "Нечто", ("E-17", "other")),
}


@pytest.mark.parametrize(("code", "message", "expected"), CASES.values(), ids=CASES.keys())
def test_a_message_becomes_a_code_and_a_class(code, message, expected) -> None:
    assert classify(code, message) == expected


TABLES = {  # code -> class, as the tables of the specification have them
    **dict.fromkeys(
        ["6", "50", "665", "4111", "4112", "4113", "4116", "4117", "4118", "2007", "2010", "51"], "protection"
    ),
    **dict.fromkeys(["2020", "2021"], "licence"),
    **dict.fromkeys(["600", "601", "613", "615", "619", "669", "696"], "volume"),
    **dict.fromkeys(["2008", "603", "610", "793", "792", "794", "970"], "routine"),
    **dict.fromkeys(["954", "955"], "update"),
    **dict.fromkeys(["2", "3", "53", "64", "67"], "file"),
}


@pytest.mark.parametrize("code", TABLES)
def test_every_code_of_the_tables_has_its_class(code) -> None:
    assert classify(code, "") == (code, TABLES[code])


ALIASES = {"4107": "50", "4103": "2007", "4106": "2008", "4100": "2010", "4109": "2010", "4110": "2021"}


@pytest.mark.parametrize("alias", ALIASES)
def test_other_numbers_become_the_first(alias) -> None:
    assert classify(alias, "")[0] == ALIASES[alias]


def test_a_very_long_message_is_read_in_no_time() -> None:
    assert classify("", "лицензия " * 100_000) == ("none", "other")


def test_an_operator_adds_errors_that_are_looked_at_first(tmp_path) -> None:
    path = tmp_path / "own.yml"
    path.write_text("errors:\n  - {code: 601, class: routine, texts: ['известный сбой']}\n", "utf-8")
    signatures = with_operators(path)
    assert signatures.classify("", "Известный сбой тома") == ("601", "routine")
    assert signatures.classify("601", "") == ("601", "routine")
    assert signatures.classify("2007", "") == ("2007", "protection")


MISTAKES = {
    "unknown class": ("errors:\n  - {code: 1, class: strange}\n", "own.yml:2: class: 'strange' is no class"),
    "no class": ("errors:\n  - {code: 1}\n", "own.yml:2: class: is missing"),
    "no code": ("errors:\n  - {class: file}\n", "own.yml:2: code: is missing"),
    "unknown key": (
        "errors:\n  - {code: 1, class: file, text: a}\n",
        "own.yml:2: text: is not a known key; did you mean texts?",
    ),
    "unknown key at the top": ("codes: []\n", "own.yml:1: codes: is not a known key"),
    "key twice": ("errors:\n  - {code: 1, code: 2, class: file}\n", "own.yml:2: code: is written twice in one mapping"),
    "text is no list": ("errors:\n  - {code: 1, class: file, texts: a}\n", "own.yml:2: texts: must be a list"),
    "list of lists": (
        "errors:\n  - {code: 1, class: file, texts: [[a]]}\n",
        "own.yml:2: texts: each item must be a piece of a message",
    ),
    "list is no list": ("errors: 5\n", "own.yml:1: errors: must be a list"),
    "no mapping in a list": ("errors: [5]\n", "own.yml:1: errors: each item must be a mapping"),
    "bad code": ("errors:\n  - {code: 'a b', class: file}\n", "own.yml:2: code: 'a b' must match"),
    "none without a text": ("errors:\n  - {code: none, class: file}\n", "own.yml:2: texts: an error without"),
    "bad expression": ("numbers:\n  - {pattern: '('}\n", "own.yml:2: pattern: is no regular expression"),
    "no group": ("numbers:\n  - {pattern: 'a'}\n", "own.yml:2: pattern: must have one group"),
    "no boolean": ("numbers:\n  - {pattern: '(a)', sure: 1}\n", "own.yml:2: sure: '1' must be true or false"),
    "not YAML": ("errors: [\n", "own.yml:2:"),
    "a list at the top": ("- a\n", "own.yml:1: must be a mapping"),
    "anchors": ("errors: &a []\nnumbers: *a\n", "own.yml:1: anchors (&name) are not allowed"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_a_table_is_told_with_its_line(tmp_path, text, message) -> None:
    path = tmp_path / "own.yml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        with_operators(path)
    assert message in str(caught.value)


def test_all_mistakes_are_told_at_once(tmp_path) -> None:
    path = tmp_path / "own.yml"
    path.write_text("errors:\n  - {code: 1, class: a}\n  - {code: 2, class: b}\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        with_operators(path)
    assert str(caught.value).count("is no class") == 2


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: there is no such file"):
        with_operators(tmp_path / "none.yml")
    (tmp_path / "bad.yml").write_bytes(b"errors:\n  - \xff\n")
    with pytest.raises(ConfigError, match=r"bad\.yml:2: byte 0xFF at offset 12 is not UTF-8"):
        with_operators(tmp_path / "bad.yml")


def test_an_empty_file_adds_nothing(tmp_path) -> None:
    (tmp_path / "own.yml").write_text("# nothing yet\n", "utf-8")
    assert with_operators(tmp_path / "own.yml").errors == load_signatures((BUILT_IN,)).errors
