"""Each file of tests/data/inventory/bad-*.yml holds one mistake; here is the whole message for each of them."""

from __future__ import annotations

import logging
import shutil

import pytest
from inventory_cases import DATA, messages

from smart.errors import InventoryError
from smart.inventory.live import LiveInventory

SECRET = "hunter2"

MISTAKES = [
    ("client-name-cyrillic", "inventory/north.yml:11: name: 'Завод 7' must match [A-Za-z0-9._:-]{1,64}"),
    ("client-name-long", "inventory/north.yml:11: name: is longer than 64 characters"),
    (
        "client-name-dots",
        "inventory/north.yml:11: name: '..' must not begin with '.' or '-' nor end with '.': files are named after it",
    ),
    (
        "client-name-option",
        "inventory/north.yml:11: name: '-o' must not begin with '.' or '-' nor end with '.': files are named after it",
    ),
    (
        "client-name-suffix",
        "inventory/north.yml:11: name: 'plant7.XML' must not end in .xml, as the files of clients do",
    ),
    (
        "client-name-number",
        "inventory/north.yml:11: name: 123 without quotes is read as a number by YAML; write it in quotes: '123'",
    ),
    (
        "client-name-boolean",
        "inventory/north.yml:11: name: no without quotes is read as true or false by YAML; write it in quotes: 'no'",
    ),
    (
        "client-name-date",
        "inventory/north.yml:11: name: 2024-01-12 without quotes is read as a date by YAML; write it in quotes: "
        "'2024-01-12'",
    ),
    ("client-name-empty", "inventory/north.yml:11: name: is empty; write a short latin name"),
    ("client-name-list", "inventory/north.yml:11: name: must be a short latin name, not a list"),
    ("client-name-missing", "inventory/north.yml:11: name: is missing (write a short latin name)"),
    (
        "client-name-twice",
        "inventory/north.yml:16: name: is already the name of the client at inventory/north.yml:11; names are "
        "unique within a dealer, whatever the case",
    ),
    (
        "client-name-of-other-file",
        "inventory/other.yml:11: name: is already the name of the client at inventory/north.yml:11; names are "
        "unique within a dealer, whatever the case",
    ),
    (
        "title-unquoted-on",
        "inventory/north.yml:3: title: on without quotes is read as true or false by YAML; write it in quotes: 'on'",
    ),
    ("title-null", "inventory/north.yml:3: title: is empty; write text"),
    ("title-newline", "inventory/north.yml:3: title: holds a line break; write one line"),
    ("title-invisible", "inventory/north.yml:3: title: holds an invisible character U+200B; remove it"),
    ("title-spaces", "inventory/north.yml:3: title: begins or ends with a space"),
    ("title-long", "inventory/north.yml:3: title: is longer than 255 characters"),
    ("title-escaped-null", "inventory/north.yml:3: title: holds an invisible character U+0000; remove it"),
    ("key-unknown", "inventory/north.yml:12: legal_entty: is not a known key; did you mean legal_entity?"),
    (
        "key-unknown-far",
        "inventory/north.yml:7: zzz: is not a known key (known: timezone, thresholds, managers, clients, "
        "online, technical, usage, dealer, branch, title, telegram_token_file, telegram_token_env, help_link)",
    ),
    (
        "key-twice",
        "inventory/north.yml:15: manager: is written twice in one mapping, first at inventory/north.yml:13; keep one",
    ),
    ("key-of-branch-misspelled", "inventory/north.yml:4: time_zone: is not a known key; did you mean timezone?"),
    ("key-list", "inventory/north.yml:7: a key must be a word, not a list or a mapping"),
    ("boolean-no", "inventory/north.yml:16: seasonal: 'no' is not allowed here; write true or false, without quotes"),
    ("boolean-on", "inventory/north.yml:16: supported: 'on' is not allowed here; write true or false, without quotes"),
    (
        "boolean-yes",
        "inventory/north.yml:16: keep_cards: 'yes' is not allowed here; write true or false, without quotes",
    ),
    (
        "boolean-quoted-off",
        "inventory/north.yml:16: keep_query_text: 'off' is not allowed here; write true or false, without quotes",
    ),
    (
        "boolean-quoted-true",
        "inventory/north.yml:16: seasonal: 'true' is not allowed here; write true or false, without quotes",
    ),
    (
        "duration-words",
        "inventory/north.yml:16: report_interval: '2 hours' is not a duration; write seconds, or 90m, 48h, 3d",
    ),
    ("duration-zero", "inventory/north.yml:16: report_interval: '0' is not between 1 second and 400 days"),
    ("duration-long", "inventory/north.yml:16: status_interval: '401d' is not between 1 second and 400 days"),
    (
        "threshold-nested",
        "inventory/north.yml:16: thresholds.xml_max_age: 'soon' is not a duration; write seconds, or 90m, 48h, 3d",
    ),
    ("threshold-unknown", "inventory/north.yml:16: thresholds.xml_age: is not a known key; did you mean xml_max_age?"),
    ("threshold-not-mapping", "inventory/north.yml:16: thresholds: must be a mapping (key: value)"),
    (
        "since-american",
        "inventory/north.yml:15: since: '01/12/2024' is not a date; write year-month-day, such as 2026-01-31",
    ),
    (
        "since-impossible",
        "inventory/north.yml:15: since: '2024-02-30' is not a date; write year-month-day, such as 2026-01-31",
    ),
    ("since-future", "inventory/north.yml:15: since: 2126-01-12 is in the future (today is 2026-06-02)"),
    ("since-ancient", "inventory/north.yml:15: since: '1926-01-12' is before 2000"),
    ("since-missing", "inventory/north.yml:11: since: is missing (write year-month-day, such as 2026-01-31)"),
    (
        "timezone-short",
        "inventory/north.yml:4: timezone: 'Moscow' is not a time zone of the IANA list; did you mean Europe/Moscow?",
    ),
    (
        "timezone-misspelled",
        "inventory/north.yml:4: timezone: 'Europe/Moskow' is not a time zone of the IANA list; did you mean "
        "Europe/Moscow?",
    ),
    (
        "timezone-offset",
        "inventory/north.yml:4: timezone: 'UTC+3' is not a time zone of the IANA list; write a name such as "
        "Europe/Moscow",
    ),
    (
        "timezone-path",
        "inventory/north.yml:4: timezone: '../../etc/passwd' is not a time zone of the IANA list; write a name "
        "such as Europe/Moscow",
    ),
    (
        "client-timezone",
        "inventory/north.yml:16: timezone: 'Asia/Ekaterinburg' is not a time zone of the IANA list; did you "
        "mean Asia/Yekaterinburg?",
    ),
    (
        "email-no-at",
        "inventory/north.yml:6: technical.emails: 'technical.example.org' is not an e-mail address such as "
        "boss@example.org",
    ),
    (
        "email-two-in-one",
        "inventory/north.yml:6: technical.emails: 'a@example.org, b@example.org' is not an e-mail address such "
        "as boss@example.org",
    ),
    (
        "email-template",
        "inventory/north.yml:6: technical.emails: '{{.}}@example.org' is not an e-mail address such as "
        "boss@example.org",
    ),
    ("email-twice", "inventory/north.yml:6: technical.emails: the same is already in the list; keep one"),
    ("email-not-list", "inventory/north.yml:6: technical.emails: must be a list; begin each item with '- '"),
    ("email-none", "inventory/north.yml:6: technical.emails: must not be empty; each item is an e-mail address"),
    ("email-of-manager", "inventory/north.yml:9: email: 'north-1@' is not an e-mail address such as boss@example.org"),
    ("technical-missing", "inventory/north.yml:1: technical: is missing (write a mapping (key: value))"),
    (
        "address-no-scheme",
        "inventory/north.yml:16: address: 'plant7.example.com:8080' must be http://host:port or https://host:port",
    ),
    (
        "address-ftp",
        "inventory/north.yml:16: address: 'ftp://plant7.example.com' must be http://host:port or https://host:port",
    ),
    (
        "address-path",
        "inventory/north.yml:16: address: 'http://plant7.example.com:8080/docs' must end after the port, "
        "without a path",
    ),
    ("address-port", "inventory/north.yml:16: address: port '80800' is not a number from 1 to 65535"),
    ("address-ip", "inventory/north.yml:16: address: '10.0.0.256' is not an IP address"),
    ("address-ipv6", "inventory/north.yml:16: address: '[::g]' is not an IPv6 address"),
    (
        "address-cyrillic",
        "inventory/north.yml:16: address: host 'завод.рф' must be in latin letters: xn--80aegj1b.xn--p1ai",
    ),
    ("address-host", "inventory/north.yml:16: address: 'plant 7' is not a host name or an IP address"),
    (
        "address-of-other-file",
        "inventory/other.yml:15: address: is already the address of the client at inventory/north.yml:16",
    ),
    ("licman-port", "inventory/north.yml:16: licman: 'licman.example.com' must be host:port"),
    ("help-link", "inventory/north.yml:7: help_link: must be a link such as https://t.me/channel, without a login"),
    (
        "chat-name",
        "inventory/north.yml:8: usage.telegram_chat: '@channel' is not a whole number in digits without quotes",
    ),
    ("chat-zero", "inventory/north.yml:8: usage.telegram_chat: 0 is not a chat; remove the key when there is none"),
    (
        "chat-without-bot",
        "inventory/north.yml:8: usage.telegram_chat: needs a bot; name the file of its token in "
        "telegram_token_file of this branch, or a variable in telegram_token_env",
    ),
    ("kind-online", "inventory/north.yml:14: kind: 'online' must be one of push, poll, closed"),
    ("kind-misspelled", "inventory/north.yml:14: kind: 'pol' must be one of push, poll, closed; did you mean poll?"),
    ("kind-missing", "inventory/north.yml:11: kind: is missing (write one of push, poll, closed)"),
    (
        "poll-without-address",
        "inventory/north.yml:11: address: is missing; a client of kind poll needs one (write http://host:port)",
    ),
    (
        "closed-with-address",
        "inventory/north.yml:15: address: a client of kind closed cannot be reached from here; remove it, or "
        "correct the kind",
    ),
    (
        "ping-without-address",
        "inventory/north.yml:16: ping: there is nothing to ping without an address; remove it, or give address",
    ),
    (
        "proxy-without-address",
        "inventory/north.yml:16: behind_proxy: says nothing without an address; remove it, or give address",
    ),
    ("dealer-undeclared", "inventory/north.yml:1: dealer: is not declared in dealers.yml; did you mean 599DEMO?"),
    (
        "branch-of-other-file",
        "inventory/other.yml:2: branch: is already the name of the branch at inventory/north.yml:2; a dealer's "
        "branches have different names",
    ),
    (
        "manager-undeclared",
        "inventory/north.yml:13: manager: is not declared in managers of this file; did you mean north-1?",
    ),
    (
        "manager-of-other-branch",
        "inventory/north.yml:13: manager: is not declared in managers of this file (declared: north-1)",
    ),
    ("manager-twice", "inventory/north.yml:10: name: is already the name of the manager at inventory/north.yml:8"),
    ("managers-none", "inventory/north.yml:7: managers: must not be empty; each item is a mapping (key: value)"),
    ("managers-words", "inventory/north.yml:8: managers: each item must be a mapping (- name: …)"),
    (
        "online-manager-undeclared",
        "inventory/north.yml:22: manager: is not declared in managers of this file; did you mean north-1?",
    ),
    (
        "online-twice",
        "inventory/north.yml:24: login: the access with this host, folder and login is already listed at "
        "inventory/north.yml:18",
    ),
    (
        "online-of-other-file",
        "inventory/other.yml:19: login: the access with this host, folder and login is already listed at "
        "inventory/north.yml:18",
    ),
    (
        "online-host",
        "inventory/north.yml:20: host: 'https://online.example.com' must be a host without http:// and without "
        "the folder",
    ),
    (
        "online-folder",
        "inventory/north.yml:21: folder: '/docs/' must be one folder without slashes, matching [A-Za-z0-9._~-]{1,100}",
    ),
    (
        "online-no-password",
        "inventory/north.yml:17: password_file: is missing; name a file that holds the secret, or an "
        "environment variable in password_env",
    ),
    (
        "password-typed-in",
        "inventory/north.yml:17: password: a secret must not stand here; put it into a file and name it in "
        "password_file (or a variable in password_env)",
    ),
    (
        "token-typed-in",
        "inventory/north.yml:7: telegram_token: a secret must not stand here; put it into a file and name it in "
        "telegram_token_file (or a variable in telegram_token_env)",
    ),
    (
        "bot-token-typed-in",
        "inventory/north.yml:7: bot_token: a secret must not stand here; put it into a file and name it in "
        "telegram_token_file (or a variable in telegram_token_env)",
    ),
    (
        "password-in-file-key",
        "inventory/north.yml:17: password_file: there is no such file (paths are relative to the directory of "
        "the inventory)",
    ),
    (
        "password-in-env-key",
        "inventory/north.yml:17: password_env: must be the name of an environment variable, in latin letters, "
        "digits and _",
    ),
    (
        "password-in-address",
        "inventory/north.yml:16: address: must not hold a login; write http://host:port and give login and "
        "password_file",
    ),
    (
        "password-in-login",
        "inventory/north.yml:16: login: must not hold ':'; give the password in a file named in password_file",
    ),
    ("password-alias", "inventory/north.yml:17: aliases (*name) are not allowed; write the value out"),
    ("password-tag", "inventory/north.yml:17: tags (!name) are not allowed; write the value without it"),
    (
        "password-percent",
        "inventory/north.yml:17: is not YAML here: while scanning for the next token found character that "
        "cannot start any token (check colons, quotes and indentation)",
    ),
    (
        "chat-is-token",
        "inventory/north.yml:8: usage.telegram_chat: '<secret>' is not a whole number in digits without quotes",
    ),
    (
        "password-file-open",
        "inventory/north.yml:17: password_file: the file is open to other users (mode 644); run chmod 600 on it",
    ),
    ("password-file-empty", "inventory/north.yml:17: password_file: the file must hold one secret, 1 to 4096 bytes"),
    ("password-file-directory", "inventory/north.yml:17: password_file: is not a regular file"),
    ("password-twice", "inventory/north.yml:18: password_env: is given beside password_file; keep one of them"),
    (
        "password-without-login",
        "inventory/north.yml:16: password_env: is given without a login; add login, or remove it",
    ),
    (
        "login-without-password",
        "inventory/north.yml:16: login: has no password; name its file in password_file, or a variable in password_env",
    ),
    (
        "token-file-missing",
        "inventory/north.yml:7: telegram_token_file: there is no such file (paths are relative to the directory "
        "of the inventory)",
    ),
    ("yaml-alias", "inventory/north.yml:6: aliases (*name) are not allowed; write the value out"),
    ("yaml-bomb", "inventory/north.yml:1: anchors (&name) are not allowed; write the value out each time"),
    ("yaml-anchor", "inventory/north.yml:3: anchors (&name) are not allowed; write the value out each time"),
    ("yaml-python-tag", "inventory/north.yml:3: tags (!name) are not allowed; write the value without it"),
    ("yaml-binary-tag", "inventory/north.yml:3: tags (!name) are not allowed; write the value without it"),
    ("yaml-merge", "inventory/north.yml:14: merge keys (<<) are not allowed; write the keys out"),
    ("yaml-tab", "inventory/north.yml:11: tab character; write spaces instead"),
    (
        "yaml-documents",
        "inventory/north.yml:16: a second YAML document begins here; keep one document (no ---) in a file",
    ),
    ("yaml-directive", "inventory/north.yml:1: directives such as %YAML and %TAG are not allowed; remove the line"),
    ("yaml-deep", "inventory/north.yml:16: nested deeper than 20 levels"),
    ("yaml-empty", "inventory/north.yml: is empty (a mapping of keys and values is needed)"),
    ("yaml-only-comment", "inventory/north.yml: is empty (a mapping of keys and values is needed)"),
    ("yaml-list", "inventory/north.yml:1: must be a mapping of keys and values (key: value), not a list"),
    ("yaml-word", "inventory/north.yml:1: must be a mapping of keys and values (key: value), not a single value"),
    (
        "yaml-indentation",
        "inventory/north.yml:12: is not YAML here: while parsing a block collection did not find expected '-' "
        "indicator (check colons, quotes and indentation)",
    ),
    (
        "yaml-colon",
        "inventory/north.yml:3: is not YAML here: mapping values are not allowed in this context (check colons, "
        "quotes and indentation)",
    ),
    (
        "yaml-unclosed",
        "inventory/north.yml:7: is not YAML here: while parsing a flow sequence did not find expected ',' or "
        "']' (check colons, quotes and indentation)",
    ),
    (
        "yaml-cp1251",
        "inventory/north.yml:3: byte 0xD1 at offset 37 is not UTF-8; the file looks like windows-1251, save it "
        "as UTF-8",
    ),
    ("yaml-broken-utf8", "inventory/north.yml:3: byte 0x98 at offset 54 is not UTF-8; save the file as UTF-8"),
    ("yaml-utf16", "inventory/north.yml:1: is UTF-16; save it as UTF-8"),
    ("yaml-null-byte", "inventory/north.yml:11: control character U+0000; remove it"),
    ("yaml-escape-code", "inventory/north.yml:11: control character U+001B; remove it"),
    ("yaml-line-separator", "inventory/north.yml:3: control character U+2028; remove it"),
    (
        "dealers-token-plain",
        "inventory/dealers.yml:5: upload_tokens: must be sha256: and 64 lower-case hex digits, the hash of a "
        "token and not the token itself",
    ),
    (
        "dealers-token-upper",
        "inventory/dealers.yml:5: upload_tokens: must be sha256: and 64 lower-case hex digits, the hash of a "
        "token and not the token itself",
    ),
    ("dealers-token-empty-hash", "inventory/dealers.yml:5: upload_tokens: is the hash of an empty token"),
    (
        "dealers-token-key",
        "inventory/dealers.yml:4: token: a token must not stand here; list its hash in upload_tokens as "
        "sha256:<64 hex digits>",
    ),
    (
        "dealers-tokens-three",
        "inventory/dealers.yml:4: upload_tokens: holds 3 hashes; one, or two while a token is being replaced",
    ),
    (
        "dealers-tokens-none",
        "inventory/dealers.yml:2: upload_tokens: is missing (write a list; each item is sha256:<64 hex digits>)",
    ),
    ("dealers-token-same", "inventory/dealers.yml:6: upload_tokens: the same is already in the list; keep one"),
    (
        "dealers-token-shared",
        "inventory/dealers.yml:8: upload_tokens: a hash in this list also belongs to the dealer at "
        "inventory/dealers.yml:4; every dealer needs a token of its own",
    ),
    (
        "dealers-name-twice",
        "inventory/dealers.yml:6: name: is already the name of the dealer at inventory/dealers.yml:2",
    ),
    ("dealers-name", "inventory/dealers.yml:2: name: '599 DEMO' must match [A-Za-z0-9._-]{1,64}"),
    ("dealers-token-item-mapping", "inventory/dealers.yml:5: upload_tokens: each item must be sha256:<64 hex digits>"),
]
NAMES = [name for name, _ in MISTAKES]


def put(name, directory):
    """The file in place of the good one of its kind."""
    target = "dealers.yml" if name.startswith("dealers-") else "north.yml"
    shutil.copy(DATA / f"bad-{name}.yml", directory / target)


@pytest.mark.parametrize(("name", "message"), MISTAKES, ids=NAMES)
def test_a_mistake_is_told_once_with_its_file_line_and_remedy(name, message, inventory):
    put(name, inventory)
    assert messages(inventory) == [message]


def test_every_bad_file_has_its_message():
    assert sorted(f"bad-{name}.yml" for name in NAMES) == sorted(path.name for path in DATA.glob("bad-*.yml"))


def test_the_good_files_have_no_mistake(inventory):
    assert messages(inventory) == []


def test_secrets_that_were_typed_in_are_in_no_message_and_no_log(inventory, caplog):
    caplog.set_level(logging.DEBUG)
    typed = [name for name in NAMES if SECRET.encode() in (DATA / f"bad-{name}.yml").read_bytes()]
    assert len(typed) >= 12
    for name in typed:
        put(name, inventory)
        with pytest.raises(InventoryError) as caught:
            LiveInventory(inventory)
        assert SECRET not in str(caught.value) + repr(caught.value) + repr(caught.value.problems), name
    assert caplog.records
    assert SECRET not in caplog.text
