"""The file of --web.config.file: what is taken, what is refused and with which words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import bcrypt
import pytest

from certificates import make_certificate
from servers_prometheus import promtool_program
from smart.errors import ConfigError
from smart.web.config import WebConfig, load_web_config

HASH = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
PAIR = "cert_file: server.crt, key_file: server.key"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder, "server")
    make_certificate(folder, "ca")
    make_certificate(folder, "other")
    command = ["openssl", "ec", "-aes256", "-passout", "pass:x", "-in", "server.key", "-out", "locked.key"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (folder / "junk").write_text("no certificate\n")
    return folder


def load(folder: Path, text: str) -> WebConfig:
    path = folder / "web.yml"
    path.write_text(text, "utf-8")
    return load_web_config(path)


TAKEN = {
    "empty": "",
    "tls": f"tls_server_config: {{{PAIR}}}\n",
    "tls with a CA": (
        f"tls_server_config: {{{PAIR}, client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert}}\n"
    ),
    "a certificate if there is one": (
        f"tls_server_config: {{{PAIR}, client_ca_file: ca.crt, client_auth_type: VerifyClientCertIfGiven}}\n"
    ),
    "versions": f"tls_server_config: {{{PAIR}, min_version: TLS12, max_version: TLS13}}\n",
    "ciphers": f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}}\n",
    "users": f"basic_auth_users:\n  alice: {HASH}\n  bob: {HASH.replace('$2b$', '$2y$')}\n",
    "headers": "http_server_config: {http2: true, headers: {X-Frame-Options: deny}}\n",
}


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN.keys())
def test_a_sound_file_is_taken_here_and_by_prometheus(folder, text) -> None:
    load(folder, text)
    done = subprocess.run(
        [promtool_program(), "check", "web-config", "web.yml"], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_settings_are_those_of_the_file(folder) -> None:
    config = load(folder, "".join(TAKEN[name] for name in ("tls with a CA", "users", "headers")))
    assert config.tls is not None
    assert config.tls.cert_file == folder / "server.crt"
    assert config.tls.client_auth.name == "CERT_REQUIRED"
    assert set(config.users) == {"alice", "bob"}
    assert config.headers == ((b"x-frame-options", b"deny"),)


REFUSED = {
    "unknown key": ("tls_config: {}\n", "web.yml:1: tls_config: is not a known key; did you mean tls_server_config?"),
    "unknown key of TLS": (
        f"tls_server_config:\n  {{{PAIR}, certfile: a}}\n",
        "web.yml:2: tls_server_config.certfile: is not a known key; did you mean cert_file?",
    ),
    "no key": ("tls_server_config:\n  cert_file: server.crt\n", "web.yml:2: tls_server_config.key_file: is missing"),
    "no certificate": ("tls_server_config: {key_file: server.key}\n", "tls_server_config.cert_file: is missing"),
    "a file that is not there": (
        "tls_server_config: {cert_file: none.crt, key_file: server.key}\n",
        "none.crt cannot be read: No such file or directory",
    ),
    "key of another certificate": (
        "tls_server_config: {cert_file: server.crt, key_file: other.key}\n",
        "certificate, key and CA cannot be used together",
    ),
    "no certificate inside": (
        "tls_server_config: {cert_file: junk, key_file: server.key}\n",
        "certificate, key and CA cannot be used together",
    ),
    "a key with a passphrase": (
        "tls_server_config: {cert_file: server.crt, key_file: locked.key}\n",
        "tls_server_config.key_file: is encrypted with a passphrase",
    ),
    "unknown kind of client certificates": (
        f"tls_server_config: {{{PAIR}, client_auth_type: Always}}\n",
        "client_auth_type: 'Always' must be one of NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert",
    ),
    "certificates that nobody verifies": (
        f"tls_server_config: {{{PAIR}, client_auth_type: RequireAnyClientCert}}\n",
        "client_auth_type: RequireAnyClientCert is not supported here",
    ),
    "no CA": (
        f"tls_server_config: {{{PAIR}, client_auth_type: RequireAndVerifyClientCert}}\n",
        "client_ca_file: is missing; client_auth_type asks for it",
    ),
    "a CA for nothing": (f"tls_server_config: {{{PAIR}, client_ca_file: ca.crt}}\n", "must say how to verify"),
    "a restriction that cannot be kept": (
        f"tls_server_config: {{{PAIR}, client_allowed_sans: [a]}}\n",
        "client_allowed_sans: is not supported here; sign the certificates",
    ),
    "unknown version": (
        f"tls_server_config: {{{PAIR}, min_version: SSL3}}\n",
        "min_version: 'SSL3' must be one of TLS10, TLS11, TLS12, TLS13",
    ),
    "versions the wrong way round": (
        f"tls_server_config: {{{PAIR}, min_version: TLS13, max_version: TLS12}}\n",
        "max_version: is below min_version",
    ),
    "unknown cipher": (
        f"tls_server_config: {{{PAIR}, cipher_suites: [ROT13]}}\n",
        "cipher_suites: 'ROT13' must be one of TLS_ECDHE",
    ),
    "a password as it is": (
        "basic_auth_users:\n  alice: hunter22\n",
        "web.yml:2: basic_auth_users.alice: must be a bcrypt",
    ),
    "an empty password": ("basic_auth_users: {alice: ''}\n", "basic_auth_users.alice: is empty; write a bcrypt hash"),
    "a hash that takes hours": (
        f"basic_auth_users: {{alice: {HASH.replace('$04$', '$31$')}}}\n",
        "basic_auth_users.alice: must be a bcrypt hash",
    ),
    "users as a list": ("basic_auth_users: [alice]\n", "basic_auth_users: must be a mapping"),
    "a user twice": (
        f"basic_auth_users:\n  a: {HASH}\n  a: {HASH}\n",
        "web.yml:3: a: is written twice in one mapping, first at",
    ),
    "unknown header": (
        "http_server_config: {headers: {X-Powered-By: a}}\n",
        "headers.X-Powered-By: is not a known key",
    ),
    "a header of two lines": (
        'http_server_config: {headers: {X-Frame-Options: "a\\r\\nb: c"}}\n',
        "headers.X-Frame-Options: must be printable ASCII",
    ),
    "http2 in words": (
        "http_server_config: {http2: perhaps}\n",
        "http_server_config.http2: 'perhaps' must be true or false",
    ),
    "no YAML": ("basic_auth_users: {\n", "web.yml:2:"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_told_with_its_line(folder, text, message) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    assert message in str(caught.value)


def test_a_password_is_never_repeated(folder) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder, "basic_auth_users:\n  alice: hunter22\n")
    assert "hunter22" not in str(caught.value)


def test_all_mistakes_are_told_at_once(folder) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder, "tls_server_config: {cert_file: server.crt}\nbasic_auth_users: {a: b, c: d}\nmore: 1\n")
    assert len(str(caught.value).splitlines()) == 4


def test_a_file_that_is_not_there_is_told(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"web\.yml: there is no such file"):
        load_web_config(tmp_path / "web.yml")
