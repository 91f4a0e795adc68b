"""Where secrets are kept, and that nothing printed holds them."""

from __future__ import annotations

import pytest

from smart.errors import ConfigError
from smart.inventory.model import Secret


def test_a_secret_in_a_file_is_read_without_the_line_break(tmp_path):
    path = tmp_path / "password"
    path.write_bytes("\ufeffs3same слово\r\n".encode())
    secret = Secret(file=path)
    assert secret.read() == "s3same слово"
    assert "s3same" not in repr(secret)


def test_a_secret_is_read_anew_each_time(tmp_path):
    path = tmp_path / "password"
    path.write_text("old")
    secret = Secret(file=path)
    assert secret.read() == "old"
    path.write_text("new")
    assert secret.read() == "new"


def test_a_secret_in_the_environment_is_read(monkeypatch):
    monkeypatch.setenv("SMART_TEST_PASSWORD", "s3same")
    secret = Secret(environment="SMART_TEST_PASSWORD")
    assert secret.read() == "s3same"
    assert "s3same" not in repr(secret)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file or directory"), (b"\n", "is empty"), (b"s3same\xff", "is not UTF-8 text")],
    ids=["missing", "empty", "not text"],
)
def test_a_file_without_a_secret_is_told_without_its_content(content, message, tmp_path):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        Secret(file=path).read()
    assert "s3same" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_variable_that_is_not_set_is_told_by_name(monkeypatch):
    monkeypatch.delenv("SMART_TEST_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match="SMART_TEST_PASSWORD is not set or empty"):
        Secret(environment="SMART_TEST_PASSWORD").read()
