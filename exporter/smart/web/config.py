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

from smart.checks.yamlrows import Row, YamlFile
from smart.errors import ConfigError

TOP_KEYS = ("tls_server_config", "http_server_config", "basic_auth_users")
TLS_KEYS = (
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
)
TLS_UNSUPPORTED = {
    "cert": "name a file in cert_file",
    "key": "name a file in key_file",
    "client_ca": "name a file in client_ca_file",
    "client_allowed_sans": "sign the certificates of those allowed with a CA of their own",
    "curve_preferences": "the order of the TLS library is used",
}
HTTP_KEYS = ("http2", "headers")
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
    "": ssl.CERT_NONE,
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
    file = YamlFile(path)
    top = file.top(TOP_KEYS)
    config = WebConfig(_tls(top, path.parent), _users(top), _headers(top))
    file.done()
    return config


def _tls(top: Row, directory: Path) -> TlsSettings | None:
    row = top.row("tls_server_config", (*TLS_KEYS, *TLS_UNSUPPORTED))
    if row is None:
        return None
    for name, instead in TLS_UNSUPPORTED.items():
        if name in row:
            row.wrong(name, f"is not supported here; {instead}")
    paths = {name: row.text(name, required=name != "client_ca_file") for name in TLS_KEYS[:2] + TLS_KEYS[3:4]}
    ca_file = directory / paths["client_ca_file"] if paths["client_ca_file"] else None
    settings = TlsSettings(
        directory / paths["cert_file"],
        directory / paths["key_file"],
        ca_file,
        _client_auth(row, ca_file),
        _version(row, "min_version", "TLS12"),
        _version(row, "max_version", "TLS13"),
        _ciphers(row),
        row.flag("prefer_server_cipher_suites", True),
    )
    if settings.min_version > settings.max_version:
        row.wrong("max_version", "is below min_version")
    elif all(paths[name] for name in ("cert_file", "key_file")):
        _try_out(row, settings)
    return settings


def _try_out(row: Row, settings: TlsSettings) -> None:
    """Note files that cannot be used for TLS at the line that names them."""
    paths = {"cert_file": settings.cert_file, "key_file": settings.key_file, "client_ca_file": settings.client_ca_file}
    unreadable = False
    for name, path in paths.items():
        try:
            if path is not None:
                path.read_bytes()
        except OSError as error:
            unreadable = True
            row.wrong(name, f"{path} cannot be read: {error.strerror}")
    if not unreadable:
        try:
            settings.context()
        except ConfigError as error:
            row.wrong("key_file", str(error))
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or "not usable"
            row.wrong("cert_file", f"certificate, key and CA cannot be used together: {reason}")


def _client_auth(row: Row, ca_file: Path | None) -> ssl.VerifyMode:
    name = row.text("client_auth_type")
    if name in CLIENT_AUTH_UNSUPPORTED:
        row.wrong("client_auth_type", f"{name} is not supported here; certificates are verified or not asked for")
    elif name not in CLIENT_AUTH:
        row.wrong("client_auth_type", f"{name!r} must be one of {', '.join(filter(None, CLIENT_AUTH))}")
    mode = CLIENT_AUTH.get(name, ssl.CERT_NONE)
    if mode is not ssl.CERT_NONE and ca_file is None:
        row.wrong("client_ca_file", f"is missing; {name} needs it")
    if mode is ssl.CERT_NONE and ca_file is not None and name not in CLIENT_AUTH_UNSUPPORTED:
        row.wrong("client_auth_type", "must say how to verify, since client_ca_file is given")
    return mode


def _version(row: Row, name: str, default: str) -> ssl.TLSVersion:
    text = row.text(name, default)
    if text not in VERSIONS:
        row.wrong(name, f"{text!r} must be one of {', '.join(VERSIONS)}")
    return VERSIONS.get(text, VERSIONS[default])


def _ciphers(row: Row) -> str:
    found = []
    for name in row.texts("cipher_suites"):
        if name in CIPHERS:
            found.append(CIPHERS[name])
        else:
            row.wrong("cipher_suites", f"{name!r} is not known (known: {', '.join(CIPHERS)})")
    return ":".join(found)


def _users(top: Row) -> dict[str, bytes]:
    row = top.row("basic_auth_users", ())
    if row is None:
        return {}
    users = {}
    for name in row:
        value = row.text(name)
        if BCRYPT.fullmatch(value):
            users[name] = value.encode()
        elif name in row:  # the value is not repeated: it may be the password itself
            row.wrong(name, "must be a bcrypt hash, as `htpasswd -nBC 10 ''` makes it, of cost 4 to 19")
    return users


def _headers(top: Row) -> tuple[tuple[bytes, bytes], ...]:
    row = top.row("http_server_config", HTTP_KEYS)
    if row is None:
        return ()
    row.flag("http2", True)  # HTTP/1.1 is spoken either way: who prefers HTTP/2 falls back on it
    headers = row.row("headers", HEADERS)
    if headers is None:
        return ()
    found = []
    for name in headers:
        value = headers.text(name, required=True)
        if value.isascii() and value.isprintable():
            found.append((name.lower().encode(), value.encode()))
        else:
            headers.wrong(name, "must be printable ASCII")
    return tuple(found)


def _no_passphrase() -> str:
    raise ConfigError("is encrypted with a passphrase; it must be plain and readable by the service only")
