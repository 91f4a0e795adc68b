"""`--web.config.file`: TLS and basic authentication in the format of Prometheus' exporters.

Keys of that format that this server cannot honour are refused by name, like unknown ones: a restriction left out in
silence would be worse than none.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from smart.errors import ConfigError
from smart.yamlfile.fields import Fields, open_config
from smart.yamlfile.forms import SWITCH_FORM, Form
from smart.yamlfile.problems import quoted

T = TypeVar("T")

TLS_UNSUPPORTED = {
    "cert": "name a file in cert_file",
    "key": "name a file in key_file",
    "client_ca": "name a file in client_ca_file",
    "client_allowed_sans": "sign the certificates of those allowed with a CA of their own",
    "curve_preferences": "the order of the TLS library is used",
}
HEADERS = (
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
    "Content-Security-Policy",
)
VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
CLIENT_AUTH_UNSUPPORTED = ("RequestClientCert", "RequireAnyClientCert")
CIPHERS = {  # Go's names for TLS 1.2; those of TLS 1.3 cannot be chosen there either
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
}
BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-9])\$[./A-Za-z0-9]{53}")


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What a TLS context is made from."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    client_auth: ssl.VerifyMode = ssl.CERT_NONE
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: str = ""
    prefer_server_ciphers: bool = True

    def context(self) -> ssl.SSLContext:
        """A fresh context. Raises OSError (ssl.SSLError among them) when a file cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self.min_version
        context.maximum_version = self.max_version
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        if self.prefer_server_ciphers:
            context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        context.load_cert_chain(self.cert_file, self.key_file, password=_no_passphrase)
        if self.client_ca_file is not None:
            context.load_verify_locations(self.client_ca_file)
        context.verify_mode = self.client_auth
        context.set_alpn_protocols(["http/1.1"])
        return context


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The whole file; an empty one means plain HTTP for everyone who reaches the listener."""

    tls: TlsSettings | None = None
    users: Mapping[str, bytes] = field(default_factory=dict)  # name -> bcrypt hash
    headers: tuple[tuple[bytes, bytes], ...] = ()


def load_web_config(path: Path) -> WebConfig:
    """Read and try out a web configuration. Raises ConfigError with every mistake as file:line."""
    top = open_config(path, may_be_empty=True)
    config = WebConfig(_tls(top), _users(top), _headers(top))
    top.close()
    return config


def _tls(top: Fields) -> TlsSettings | None:
    row = top.nested("tls_server_config")
    if row is None:
        return None
    for name, instead in TLS_UNSUPPORTED.items():
        row.refuse(name, f"is not supported here; {instead}")
    file_form = Form("the path of a file", lambda value: row.source.directory / value)
    cert_file = row.value("cert_file", file_form, None, required=True)
    key_file = row.value("key_file", file_form, None, required=True)
    ca_file = row.value("client_ca_file", file_form, None)
    settings = TlsSettings(
        cert_file or Path(),
        key_file or Path(),
        ca_file,
        _client_auth(row, ca_file),
        row.value("min_version", VERSION_FORM, ssl.TLSVersion.TLSv1_2),
        row.value("max_version", VERSION_FORM, ssl.TLSVersion.TLSv1_3),
        ":".join(row.value_list("cipher_suites", CIPHER_FORM)),
        row.value("prefer_server_cipher_suites", SWITCH_FORM, True),
    )
    row.finish()
    if settings.min_version > settings.max_version:
        row.problem("max_version", "is below min_version")
    elif cert_file and key_file:
        _try_out(row, settings)
    return settings


def _try_out(row: Fields, settings: TlsSettings) -> None:
    """Note files that cannot be used for TLS at the line that names them."""
    paths = {"cert_file": settings.cert_file, "key_file": settings.key_file, "client_ca_file": settings.client_ca_file}
    unreadable = False
    for name, path in paths.items():
        try:
            if path is not None:
                path.read_bytes()
        except OSError as error:
            unreadable = True
            row.problem(name, f"{path} cannot be read: {error.strerror}")
    if not unreadable:
        try:
            settings.context()
        except ConfigError as error:
            row.problem("key_file", str(error))
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or "not usable"
            row.problem("cert_file", f"certificate, key and CA cannot be used together: {reason}")


def _client_auth(row: Fields, ca_file: Path | None) -> ssl.VerifyMode:
    mode = row.value("client_auth_type", CLIENT_AUTH_FORM, None)
    if mode is not None and mode is not ssl.CERT_NONE and not row.given("client_ca_file"):
        row.problem("client_ca_file", "is missing; client_auth_type asks for it")
    if ca_file is not None and (mode is ssl.CERT_NONE or not row.given("client_auth_type")):
        row.problem("client_auth_type", "must say how to verify, since client_ca_file is given")
    return mode or ssl.CERT_NONE


def _users(top: Fields) -> dict[str, bytes]:
    row = top.nested("basic_auth_users")
    return {name: row.value(name, HASH_FORM, b"") for name in row} if row else {}


def _headers(top: Fields) -> tuple[tuple[bytes, bytes], ...]:
    row = top.nested("http_server_config")
    if row is None:
        return ()
    row.value("http2", SWITCH_FORM, True)  # HTTP/1.1 is spoken either way: who prefers HTTP/2 falls back on it
    headers = row.nested("headers")
    row.finish()
    if headers is None:
        return ()
    found = {name: headers.value(name, HEADER_FORM, b"") for name in HEADERS}
    headers.finish()
    return tuple((name.lower().encode(), value) for name, value in found.items() if value)


def _one_of(table: Mapping[str, T], what: str) -> Form[T]:
    """A word of a table -> what it stands for."""

    def read(value: str) -> T:
        if value not in table:
            raise ValueError(f"{quoted(value)} must be one of {', '.join(table)}")
        return table[value]

    return Form(what, read)


def _read_client_auth(value: str) -> ssl.VerifyMode:
    if value in CLIENT_AUTH_UNSUPPORTED:
        raise ValueError(f"{value} is not supported here; certificates are verified or not asked for")
    return _one_of(CLIENT_AUTH, "").read(value)


def _read_hash(value: str) -> bytes:
    if not BCRYPT.fullmatch(value):  # the value is not repeated: it may be the password itself
        raise ValueError("must be a bcrypt hash, as `htpasswd -nBC 10 ''` makes it, of cost 4 to 19")
    return value.encode()


def _read_header(value: str) -> bytes:
    if not (value.isascii() and value.isprintable()):
        raise ValueError("must be printable ASCII")
    return value.encode()


VERSION_FORM = _one_of(VERSIONS, "a version of TLS")
CIPHER_FORM = _one_of(CIPHERS, "a name of Go's cipher suites")
CLIENT_AUTH_FORM = Form("how certificates of clients are verified", _read_client_auth)
HASH_FORM = Form("a bcrypt hash", _read_hash)
HEADER_FORM = Form("the value of the header", _read_header)


def _no_passphrase() -> str:
    raise ConfigError("is encrypted with a passphrase; it must be plain and readable by the service only")
