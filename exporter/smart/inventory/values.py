"""What the single values of an inventory mean: text -> value, or ValueError with what is wrong and what is right."""

from __future__ import annotations

import difflib
import ipaddress
import re
import unicodedata
from datetime import date
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from smart.inventory.model import Address
from smart.yamlfile.forms import Form
from smart.yamlfile.problems import quoted

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")  # dealers, branches, managers
CLIENT_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")
FILE_SUFFIXES = (".xml", ".zip", ".status", ".report")  # of the files named after a client
MAX_DURATION_SECONDS = 400 * 86_400

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,10})([smhd]?)")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ZONE = re.compile(r"UTC|[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)+")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_PORT = re.compile(r"[0-9]{1,5}")
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::(.*))?", re.DOTALL)
_URL = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
# Without { and }: Alertmanager takes receivers' addresses for templates.
_MAIL_USER = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`|~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`|~-]+)*")
_FOLDER = re.compile(r"[A-Za-z0-9._~-]{1,100}")
_LINK = re.compile(r"https?://[^\s\"'<>\\{}]{1,290}")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class Scheme(StrEnum):
    """How a server is spoken to."""

    HTTP = "http"
    HTTPS = "https"


SCHEMES = (Scheme.HTTPS, Scheme.HTTP)


def read_name(value: str) -> str:
    """The short latin name of a dealer, branch or manager."""
    return _name(value, NAME)


def read_client_name(value: str) -> str:
    """The short latin name of a client; its files are called NAME.xml, NAME.status and so on."""
    name = _name(value, CLIENT_NAME)
    for suffix in FILE_SUFFIXES:
        if name.lower().endswith(suffix):
            raise ValueError(f"{quoted(name)} must not end in {suffix}, as the files of clients do")
    return name


def _name(value: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{quoted(value)} must match {pattern.pattern}{_lookalike(value)}")
    if value[0] in ".-" or value[-1] == ".":
        raise ValueError(f"{quoted(value)} must not begin with '.' or '-' nor end with '.': files are named after it")
    return value


def _lookalike(value: str) -> str:
    """Among latin letters a Cyrillic one cannot be seen: say which it is."""
    strange = next((letter for letter in value if letter.isalpha() and not letter.isascii()), "")
    if not strange or not re.search("[A-Za-z]", value):
        return ""
    return f" ({strange!r}, letter {value.index(strange) + 1}, is {unicodedata.name(strange, 'not a latin one')})"


def read_duration(value: str) -> int:
    """Seconds, from 1 second to 400 days."""
    match = _DURATION.fullmatch(value)
    if not match:
        raise ValueError(f"{quoted(value)} is not a duration; write seconds, or 90m, 48h, 3d")
    seconds = int(match[1]) * _UNITS[match[2]]
    if not 1 <= seconds <= MAX_DURATION_SECONDS:
        raise ValueError(f"{quoted(value)} is not between 1 second and 400 days")
    return seconds


def read_max_age(value: str) -> int | None:
    """Seconds, or None for `never`."""
    return None if value == "never" else read_duration(value)


def read_day(value: str) -> date:
    """A day of the years since 2000."""
    try:
        day = date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        raise ValueError(f"{quoted(value)} is not a date; write year-month-day, such as 2026-01-31")
    if day.year < 2000:
        raise ValueError(f"{quoted(value)} is before 2000")
    return day


def read_zone(value: str) -> ZoneInfo:
    """A time zone of the IANA list, by its full name: machines differ in the short ones."""
    if _ZONE.fullmatch(value):
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            pass
    guess = _nearest_zone(value)
    advice = f"did you mean {guess}?" if guess else "write a name such as Europe/Moscow"
    raise ValueError(f"{quoted(value)} is not a time zone of the IANA list; {advice}")


@cache
def _zones() -> dict[str, str]:
    """Full names by what people may write: the name or its last part, in lower case."""
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return {**{name.rpartition("/")[2].lower(): name for name in names}, **{name.lower(): name for name in names}}


@cache
def _nearest_zone(value: str) -> str | None:
    if not 4 <= len(value) <= 40:  # to three letters much is near
        return None
    close = difflib.get_close_matches(value.lower(), _zones(), n=1, cutoff=0.75)
    return _zones()[close[0]] if close else None


def read_host(value: str) -> str:
    """A host name in lower case, an IPv4 address, or an IPv6 address in brackets."""
    if value.startswith("[") and value.endswith("]"):
        try:
            return f"[{ipaddress.IPv6Address(value[1:-1])}]"
        except ValueError:
            raise ValueError(f"{quoted(value)} is not an IPv6 address") from None
    labels = value.removesuffix(".").split(".")
    if not value.isascii():
        raise ValueError(f"host {quoted(value)} must be in latin letters{_punycode(value)}")
    if len(value) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{quoted(value)} is not a host name or an IP address")
    if labels[-1].isdigit():
        try:
            return str(ipaddress.IPv4Address(value))
        except ValueError:
            raise ValueError(f"{quoted(value)} is not an IP address") from None
    return ".".join(labels).lower()


def _punycode(value: str) -> str:
    """The latin spelling of a Cyrillic host name, where there is one."""
    try:
        return f": {value.encode('idna').decode('ascii')}"
    except UnicodeError:
        return ""


def read_port(value: str) -> int:
    """A TCP port."""
    if not _PORT.fullmatch(value) or not 1 <= int(value) <= 65_535:
        raise ValueError(f"port {quoted(value)} is not a number from 1 to 65535")
    return int(value)


def read_host_port(value: str) -> str:
    """host:port."""
    match = _HOST_PORT.fullmatch(value)
    if not match or not match[1] or match[2] is None:
        raise ValueError(f"{quoted(value)} must be host:port")
    return f"{read_host(match[1])}:{read_port(match[2])}"


def read_online_host(value: str) -> str:
    """host or host:port."""
    if "/" in value:
        raise ValueError(f"{quoted(value)} must be a host without http:// and without the folder")
    return read_host_port(value) if ":" in value.rpartition("]")[2] else read_host(value)


def read_address(value: str) -> Address:
    """http://host:port; without a port, the one of the scheme."""
    if "@" in value:  # may hold a password: not repeated
        raise ValueError("must not hold a login; write http://host:port and give login and password_file")
    match = _URL.fullmatch(value)
    if not match:
        raise ValueError(f"{quoted(value)} must be http://host:port or https://host:port")
    scheme, where, rest = match[1].lower(), match[2], match[3]
    if rest not in ("", "/"):
        raise ValueError(f"{quoted(value)} must end after the port, without a path")
    parts = _HOST_PORT.fullmatch(where)
    if not parts or not parts[1]:
        raise ValueError(f"{quoted(value)} must be http://host:port or https://host:port")
    port = read_port(parts[2]) if parts[2] is not None else {"http": 80, "https": 443}[scheme]
    return Address(scheme, read_host(parts[1]), port)


def read_email(value: str) -> str:
    """One e-mail address."""
    user, at, host = value.rpartition("@")
    try:
        good = bool(at) and len(value) <= 254 and bool(_MAIL_USER.fullmatch(user)) and "." in read_host(host)
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"{quoted(value)} is not an e-mail address such as boss@example.org")
    return value


def read_folder(value: str) -> str:
    """The folder of an on-line access."""
    if not _FOLDER.fullmatch(value):
        raise ValueError(f"{quoted(value)} must be one folder without slashes, matching {_FOLDER.pattern}")
    return value


def read_link(value: str) -> str:
    """A link for people."""
    if not _LINK.fullmatch(value) or "@" in value:
        raise ValueError("must be a link such as https://t.me/channel, without a login")
    return value


def read_token_hash(value: str) -> str:
    """Lower-case hex of an upload token's hash. What was written is never repeated: it may be the token itself."""
    match = _HASH.fullmatch(value)
    if not match:
        raise ValueError("must be sha256: and 64 lower-case hex digits, the hash of a token and not the token itself")
    if match[1] == _EMPTY_HASH:
        raise ValueError("is the hash of an empty token")
    return match[1]


NAME_FORM = Form("a short latin name", read_name, is_text=True)
CLIENT_NAME_FORM = Form("a short latin name", read_client_name, is_text=True)
DURATION_FORM = Form("seconds, or 90m, 48h, 3d", read_duration)
MAX_AGE_FORM = Form("seconds, or 90m, 48h, 3d, or never", read_max_age)
DAY_FORM = Form("year-month-day, such as 2026-01-31", read_day)
ZONE_FORM = Form("an IANA name such as Europe/Moscow", read_zone)
HOST_PORT_FORM = Form("host:port", read_host_port)
ONLINE_HOST_FORM = Form("a host name", read_online_host)
ADDRESS_FORM = Form("http://host:port", read_address)
EMAIL_FORM = Form("an e-mail address", read_email)
FOLDER_FORM = Form("a folder without slashes", read_folder, is_text=True)
LINK_FORM = Form("a link", read_link)
TOKEN_HASH_FORM = Form("sha256:<64 hex digits>", read_token_hash)
