"""From a directory to an Inventory: what the values become, and what is said of whole files and directories."""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path

import pytest
from inventory_cases import load, messages

from smart.errors import InventoryError
from smart.inventory.load import load_inventory
from smart.inventory.model import Address, Contact, Kind, Secret, Thresholds
from smart.inventory.summary import summarize
from smart.yamlfile import nodes, problems

EXAMPLE = Path(__file__).parent.parent.parent / "inventory"


def client_of(directory, name="plant7"):
    branch, client = load(directory).find("599DEMO", name)
    return branch, client


def test_every_key_of_a_client_reaches_the_model(inventory, edit):
    edit(
        "north.yml",
        "    password_env: PASSWORD\n",
        """    password_file: secrets/good
    timezone: Asia/Yekaterinburg
    ping: false
    behind_proxy: true
    licman: LICMAN.example.com:8888
    supported: false
    seasonal: true
    report_interval: 90m
    status_interval: 600
    keep_cards: false
    keep_query_text: false
    thresholds: {xml_max_age: 3d, operup_max_age: 7d}
""",
    )
    _, client = client_of(inventory)
    assert client.name == "plant7"
    assert client.legal_entity == "ООО «Завод № 7»"
    assert client.manager == "north-1"
    assert client.kind is Kind.POLL
    assert client.zone.key == "Asia/Yekaterinburg"
    assert client.since == date(2024, 1, 12)
    assert client.address == Address("http", "plant7.example.com", 8080)
    assert client.login == "smartlogin"
    assert client.password == Secret(file=inventory / "secrets/good")
    assert client.password_file == inventory / "secrets/good"
    assert client.licman == "licman.example.com:8888"
    assert (client.ping, client.behind_proxy, client.supported, client.seasonal) == (False, True, False, True)
    assert (client.report_interval_seconds, client.status_interval_seconds) == (5_400, 600)
    assert (client.keep_cards, client.keep_query_text) == (False, False)
    assert client.thresholds == Thresholds(259_200, 604_800)


def test_what_is_not_written_has_its_default(inventory):
    branch, client = client_of(inventory)
    assert client.zone is branch.zone
    assert client.ping
    assert client.supported is None
    assert client.thresholds == Thresholds(172_800, 259_200)
    assert branch.usage == Contact()
    assert branch.telegram_token is None


def test_every_key_of_a_branch_reaches_the_model(inventory, edit):
    edit(
        "north.yml",
        "managers:\n  - name: north-1\n",
        """usage: {emails: [usage@example.org, more@example.org], telegram_chat: -1001}
telegram_token_file: secrets/good
help_link: https://t.me/example
thresholds: {operup_max_age: 600s}
managers:
  - name: north-1
    title: Первый менеджер
    telegram_chat: 17
""",
    )
    branch, client = client_of(inventory)
    assert (branch.dealer, branch.name, branch.title, branch.zone.key) == (
        "599DEMO",
        "north",
        "Северный филиал",
        "Europe/Moscow",
    )
    assert branch.technical == Contact(("technical@example.org",), None)
    assert branch.usage == Contact(("usage@example.org", "more@example.org"), -1001)
    assert branch.telegram_token == Secret(file=inventory / "secrets/good")
    assert branch.help_link == "https://t.me/example"
    assert branch.managers["north-1"].title == "Первый менеджер"
    assert branch.managers["north-1"].telegram_chat == 17
    assert client.thresholds.operup_max_age_seconds == 600
    access = branch.online[0]
    assert (access.client, access.login, access.scheme, access.host, access.folder, access.manager) == (
        "ООО «Ромашка»",
        "user017",
        "https",
        "online.example.com",
        "docs",
        "north-1",
    )
    assert access.password == Secret(environment="PASSWORD")


def test_a_closed_client_may_be_silent_unless_its_own_entry_says_otherwise(inventory, edit):
    edit("north.yml", "kind: poll\n    address: http://plant7.example.com:8080", "kind: closed")
    edit("north.yml", "managers:", "thresholds: {xml_max_age: 1h}\nmanagers:")
    assert client_of(inventory)[1].thresholds.xml_max_age_seconds is None
    edit("north.yml", "    kind: closed", "    kind: closed\n    thresholds: {xml_max_age: 30d}")
    assert client_of(inventory)[1].thresholds.xml_max_age_seconds == 30 * 86_400


def test_never_turns_the_alarm_of_silence_off(inventory, edit):
    edit("north.yml", "    kind: poll", "    kind: poll\n    thresholds: {xml_max_age: never}")
    assert client_of(inventory)[1].thresholds.xml_max_age_seconds is None


def test_a_login_without_address_and_password_says_whose_requests_are_not_a_users(inventory, edit):
    address = (
        "kind: poll\n    address: http://plant7.example.com:8080\n    login: smartlogin\n    password_env: PASSWORD"
    )
    edit("north.yml", address, "kind: push\n    login: smartlogin")
    _, client = client_of(inventory)
    assert (client.login, client.password, client.ping) == ("smartlogin", None, False)


def test_today_is_today_where_the_client_is(inventory, edit):
    edit("north.yml", "since: 2024-01-12", "since: 2026-06-02")
    assert messages(inventory) == []


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("http://PLANT7.example.com", Address("http", "plant7.example.com", 80)),
        ("HTTPS://plant7.example.com/", Address("https", "plant7.example.com", 443)),
        ("'https://[2001:DB8::1]:8443'", Address("https", "[2001:db8::1]", 8443)),
        ("http://10.0.0.7:8080", Address("http", "10.0.0.7", 8080)),
        ("http://srv_docs:80", Address("http", "srv_docs", 80)),
    ],
)
def test_an_address_is_read_in_all_its_spellings(written, address, inventory, edit):
    edit("north.yml", "http://plant7.example.com:8080", written)
    assert client_of(inventory)[1].address == address


def test_the_example_is_good_without_any_secret_at_hand():
    inventory = load_inventory(EXAMPLE)
    assert str(summarize(inventory)) == (
        "dealers 1, branches 2, managers 3, clients 8 (push 5, poll 2, closed 1), on-line accesses 1"
    )
    assert [branch.name for branch in inventory.branches] == ["north", "south"]


def test_mistakes_of_all_files_are_told_at_once_in_the_order_of_files_and_lines(inventory, edit):
    edit("dealers.yml", "title: Демонстрационный дистрибьютор", "title: on")
    edit("north.yml", "timezone: Europe/Moscow", "timezone: Moscow")
    edit("north.yml", "since: 2024-01-12", "since: today")
    edit("north.yml", "plant7.example.com:8080", "bridge.example.com:8080")
    edit("other.yml", "manager: other-1", "manager: other-2")
    (inventory / "zoo.yaml").write_bytes(b"dealer: \xff\n")
    expected = [
        "inventory/dealers.yml:3: title: on without quotes is read as true or false by YAML; write it in quotes: 'on'",
        "inventory/north.yml:4: timezone: 'Moscow' is not a time zone of the IANA list; did you mean Europe/Moscow?",
        "inventory/north.yml:18: since: 'today' is not a date; write year-month-day, such as 2026-01-31",
        "inventory/other.yml:13: manager: is not declared in managers of this file; did you mean other-1?",
        "inventory/other.yml:15: address: is already the address of the client at inventory/north.yml:15",
        "inventory/zoo.yaml:1: byte 0xFF at offset 8 is not UTF-8; the file looks like windows-1251, save it as UTF-8",
    ]
    assert messages(inventory) == expected
    with pytest.raises(InventoryError) as caught:
        load(inventory)
    assert str(caught.value) == "\n".join(expected)


def test_a_name_may_be_taken_by_another_dealer(inventory, edit):
    tokens = f"  - name: 600DEMO\n    title: Другой\n    upload_tokens: ['sha256:{'2' * 64}']\n"
    (inventory / "dealers.yml").write_text((inventory / "dealers.yml").read_text("utf-8") + tokens, "utf-8")
    edit("other.yml", "dealer: 599DEMO", "dealer: 600DEMO")
    edit("other.yml", "branch: other", "branch: north")
    edit("other.yml", "name: bridge", "name: plant7")
    assert messages(inventory) == []
    assert load(inventory).find("600DEMO", "plant7")[0].title == "Другой филиал"


@pytest.mark.parametrize(
    "convert",
    [lambda data: b"\xef\xbb\xbf" + data, lambda data: data.replace(b"\n", b"\r\n")],
    ids=["byte order mark", "CRLF"],
)
def test_files_of_windows_editors_are_read(convert, inventory):
    path = inventory / "north.yml"
    path.write_bytes(convert(path.read_bytes()))
    assert messages(inventory) == []


def test_the_byte_order_mark_does_not_shift_the_offset_of_a_bad_byte(inventory):
    (inventory / "north.yml").write_bytes(b"\xef\xbb\xbfab\n\x98")
    assert messages(inventory) == ["inventory/north.yml:2: byte 0x98 at offset 6 is not UTF-8; save the file as UTF-8"]


def test_what_is_not_a_yaml_file_of_this_directory_is_not_looked_at(inventory):
    (inventory / ".#north.yml").symlink_to("editor@host.1234")
    (inventory / "north.yml~").write_text("{")
    (inventory / "secrets" / "x.yml").write_text("{")
    assert messages(inventory) == []


def test_a_link_to_nothing_is_told(inventory):
    (inventory / "west.yml").symlink_to("nowhere.yml")
    assert messages(inventory) == ["inventory/west.yml: is a symbolic link to nothing"]


def test_a_link_to_itself_is_told(inventory):
    (inventory / "west.yml").symlink_to("west.yml")
    assert messages(inventory) == ["inventory/west.yml: cannot be read: Too many levels of symbolic links"]


def test_a_pipe_does_not_hang_the_check(inventory):
    os.mkfifo(inventory / "west.yml")
    assert messages(inventory) == ["inventory/west.yml: is not a regular file"]


def test_a_directory_named_like_a_file_is_told(inventory):
    (inventory / "west.yml").mkdir()
    assert messages(inventory) == ["inventory/west.yml: is not a regular file"]


def test_a_file_that_is_too_large_is_not_read(inventory):
    with (inventory / "west.yml").open("wb") as stream:
        stream.truncate(nodes.MAX_BYTES + 1)
    expected = "inventory/west.yml: is larger than 8 MiB; split it or look what got into it"
    assert messages(inventory) == [expected]


def test_a_file_of_countless_values_is_refused(inventory):
    (inventory / "west.yml").write_text("x: [" + "1," * nodes.MAX_NODES + "]\n")
    assert messages(inventory) == ["inventory/west.yml:1: more than 300000 values in one file"]


def test_a_file_that_is_wrong_all_over_gets_a_bounded_list(inventory):
    (inventory / "west.yml").write_text("".join(f"key{number}: 1\n" for number in range(100_000)))
    found = messages(inventory)
    assert len(found) == problems.MAX_PER_FILE + 1
    assert f"inventory/west.yml: more than {problems.MAX_PER_FILE} mistakes; the rest is not listed" in found


def test_many_lines_with_tabs_are_counted_and_not_all_listed(inventory):
    (inventory / "west.yml").write_text("\tx: 1\n" * 1_000)
    assert messages(inventory) == [
        "inventory/west.yml: 1000 lines hold tabs or control characters; the first 10 are listed",
        *[f"inventory/west.yml:{line}: tab character; write spaces instead" for line in range(1, 11)],
    ]


def test_a_missing_directory_is_told(tmp_path):
    assert messages(tmp_path / "none") == [f"{tmp_path}/none: cannot be listed: No such file or directory"]


def test_an_empty_directory_is_told(tmp_path):
    assert messages(tmp_path) == [
        f"{tmp_path}: there is no dealers.yml, which declares the dealers and the hashes of their upload tokens",
        f"{tmp_path}: there is no file of a branch (any *.yml beside dealers.yml)",
    ]


def test_without_dealers_the_rest_is_checked_all_the_same(inventory, edit):
    (inventory / "dealers.yml").unlink()
    edit("north.yml", "emails: [technical@example.org]", "emails: [x@]")
    assert messages(inventory) == [
        "inventory: there is no dealers.yml, which declares the dealers and the hashes of their upload tokens",
        "inventory/north.yml:6: technical.emails: 'x@' is not an e-mail address such as boss@example.org",
    ]


def test_the_name_of_a_file_cannot_break_the_lines_of_messages(inventory):
    (inventory / "west\nnorth\udcff.yml").write_text("")
    assert messages(inventory) == ["inventory/west?north?.yml: is empty (a mapping of keys and values is needed)"]


def test_two_thousand_clients_load_in_three_seconds(inventory):
    head = (inventory / "other.yml").read_text("utf-8").split("clients:")[0]
    client = """  - name: client{0}
    legal_entity: ООО «Клиент {0}»
    manager: other-1
    kind: poll
    address: https://client{0}.example.com:8443
    since: 2024-01-12
    login: smartlogin
    password_env: PASSWORD
    report_interval: 1h
    seasonal: false
    thresholds: {{xml_max_age: 48h}}
"""
    text = head + "clients:\n" + "".join(client.format(number) for number in range(2_000))
    (inventory / "other.yml").write_text(text, "utf-8")
    started = time.process_time()
    loaded = load(inventory)
    seconds = time.process_time() - started
    assert summarize(loaded).clients[Kind.POLL] == 2_001
    assert seconds < 3, f"{seconds:.2f} s"
