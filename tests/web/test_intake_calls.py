"""The calls agents make, with a real curl, word for word as the agents make them."""

from __future__ import annotations

import pytest

from intake.intake_harness import STATUS, curl, report, running_intake, zipped


@pytest.fixture(scope="module")
def intake(tmp_path_factory):
    with running_intake(tmp_path_factory.mktemp("intake") / "spool") as running:
        yield running


def waiting(intake) -> list[tuple[str, str, str]]:
    return [(file.dealer, file.client, file.way) for file in intake.spool.pending()]


@pytest.mark.parametrize(
    ("name", "content", "path"),
    [
        ("romashka.zip", zipped(report()), "/files/romashka.xml"),
        ("romashka.xml", report(), "/files/romashka.xml"),
        ("romashka.status", STATUS, "/files/romashka.status"),
        ("romashka.xml", zipped(report()), "/files/romashka.xml"),
        ("romashka.zip", STATUS, "/files/romashka.status"),
        ("Client.A:80.zip", zipped(report()), "/files/Client.A:80.xml"),
    ],
    ids=["zip", "xml", "status", "zip called xml", "status called zip", "a name with a dot and a colon"],
)
def test_an_old_agent_uploads_a_form_with_its_token_in_the_address(intake, tmp_path, name, content, path):
    (tmp_path / name).write_bytes(content)
    arguments = ("-H", "upload: yes", "-H", "dealer: 7700NORTH", "-F", f"file=@{name}")
    answer = curl(*arguments, f"{intake.url}/upload?token={intake.token}", cwd=tmp_path)
    assert (answer.code, answer.body) == (200, {"ok": True, "path": path})
    client = path.removeprefix("/files/").rpartition(".")[0]
    if path.endswith(".status"):
        assert (intake.spool.files / "7700NORTH" / f"{client}.status").read_bytes() == content
    else:
        file = max(intake.spool.pending(), key=lambda file: file.received_ns)
        assert (file.dealer, file.client, file.way) == ("7700NORTH", client, "multipart")
        assert file.path.read_bytes() == content


@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
@pytest.mark.parametrize(
    "call",
    [
        ("-T", "romashka.zip", "{url}/upload/romashka.zip"),
        ("-T", "romashka.zip", "{url}/upload/"),
        ("--data-binary", "@romashka.zip", "{url}/upload?name=romashka.zip"),
        ("--data-binary", "@romashka.zip", "{url}/upload/romashka.zip"),
        ("-X", "PUT", "--data-binary", "@romashka.zip", "{url}/upload?name=romashka.zip"),
        ("-T", "romashka.zip", "-H", "Transfer-Encoding: chunked", "{url}/upload/romashka.zip"),
    ],
    ids=["-T", "-T to a directory", "--data-binary", "--data-binary with a path", "PUT", "chunked"],
)
def test_a_new_agent_uploads_the_bare_file_with_a_bearer_token(intake, tmp_path, call, expect):
    content = zipped(report())
    (tmp_path / "romashka.zip").write_bytes(content)
    call = [argument.replace("{url}", intake.url) for argument in call]
    arguments = ("-H", "dealer: 7700NORTH", "-H", f"Authorization: Bearer {intake.token}", "-H", expect)
    answer = curl(*arguments, *call, cwd=tmp_path)
    assert (answer.code, answer.body) == (200, {"ok": True, "path": "/files/romashka.xml"})
    file = max(intake.spool.pending(), key=lambda file: file.received_ns)
    assert (file.way, file.path.read_bytes()) == ("raw", content)


def test_both_tokens_of_a_dealer_are_good_while_it_rotates_them(intake):
    for token in (intake.token, intake.next_token):
        answer = curl("--data-binary", "@-", "-H", "dealer: 7700NORTH", "-H", f"Authorization: Bearer {token}",
                      f"{intake.url}/upload?name=romashka.xml", stdin=report())  # fmt: skip
        assert answer.code == 200


def test_a_bearer_token_alone_tells_the_dealer(intake):
    answer = curl("--data-binary", "@-", "-H", f"Authorization: Bearer {intake.south_token}",
                  f"{intake.url}/upload?name=vesna.xml", stdin=report())  # fmt: skip
    assert answer.code == 200
    assert ("7800SOUTH", "vesna", "raw") in waiting(intake)


def test_a_large_form_arrives_byte_for_byte(intake, tmp_path):
    content = report().replace(b"</sysinfo>", b"<!--" + bytes(range(32, 45)) * 400_000 + b"-->\r\n--\r\n</sysinfo>")
    (tmp_path / "plant7.xml").write_bytes(content)
    arguments = ("-H", "dealer: 7700NORTH", "-F", "note=hello", "-F", "file=@plant7.xml", "-F", "after=1")
    answer = curl(*arguments, f"{intake.url}/upload?token={intake.token}", cwd=tmp_path)
    assert answer.code == 200
    file = max(intake.spool.pending(), key=lambda file: file.received_ns)
    assert file.path.read_bytes() == content


def test_two_uploads_of_one_client_at_once_are_both_kept_in_order(intake, tmp_path):
    before = len(intake.spool.pending())
    contents = [report(f"2026-11-20T1{hour}:00:00") for hour in range(4)]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.xml").write_bytes(content)
    arguments = ["--parallel", "--parallel-immediate", "-H", "dealer: 7700NORTH"]
    for number in range(4):
        arguments += ["-F", f"file=@{number}.xml;filename=plant7.xml", "-o", f"{number}.json"]
        arguments += ["-H", "dealer: 7700NORTH", f"{intake.url}/upload?token={intake.token}", "--next"]
    curl(*arguments[:-1], cwd=tmp_path)
    files = [file for file in intake.spool.pending() if file.client == "plant7"]
    assert len(intake.spool.pending()) == before + 4
    assert {file.path.read_bytes() for file in files[-4:]} == set(contents)
    assert len({file.received_ns for file in files}) == len(files)


def test_connections_are_kept_open_after_good_answers(intake, tmp_path):
    (tmp_path / "romashka.status").write_bytes(STATUS)
    one = ["-H", "dealer: 7700NORTH", "-T", "romashka.status", f"{intake.url}/upload/?token={intake.token}"]
    answer = curl("-v", "-o", "first.json", *one, "--next", "-sS", "-o", "second.json", *one, cwd=tmp_path)
    assert (tmp_path / "second.json").read_text() == '{"ok":true,"path":"/files/romashka.status"}\n'
    assert "re-using existing connection" in answer.stderr.lower()
