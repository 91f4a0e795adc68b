"""Puts a rendered configuration in force: written beside, checked, swapped whole, the server told to read it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import requests

from smart.errors import ConfigError

CHECK_SECONDS = 60
RELOAD_SECONDS = 30
# Values of keys that hold secrets, and bots' tokens wherever they stand: tools quote the line they dislike.
SECRET_VALUES = re.compile(
    r"(?P<key>\b[a-z_]*(?:bot_token|password|secret|credentials)\s*:\s*)(?P<value>[^\s,}\]]+)|\b\d{5,}:[A-Za-z0-9_-]{10,}"
)


def apply(
    text: str,
    path: Path,
    check: Callable[[Path], None],
    reload_url: str | None = None,
    *,
    secret: bool = False,
) -> bool:
    """Make `path` hold `text` and the server read it; False when it holds it already, then nothing is done.

    `check` raises ConfigError when it does not like a file. `reload_url` is POSTed to after the swap; a server that
    refuses, or cannot be reached, gets the old file (or none) back, so that the file is always what the server runs
    and the next attempt tries again. `secret`: only the owner may read the file. ConfigError says what is wrong;
    nothing secret is in it.
    """
    old = _read(path)
    if old == text:
        return False
    _write(text, path, secret, check)
    if reload_url is None:
        return True
    try:
        _reload(reload_url)
    except ConfigError:
        if old is None:
            path.unlink()
        else:
            _write(old, path, secret, lambda _: None)
        raise
    return True


def check_alertmanager(path: Path) -> None:
    """What amtool says of an alertmanager.yml; ConfigError when it is bad or amtool is not on the PATH."""
    _run("amtool", "check-config", str(path))


def check_prometheus(path: Path) -> None:
    """What promtool says of a prometheus.yml and the rules it names; ConfigError as above."""
    _run("promtool", "check", "config", str(path))


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def _write(text: str, path: Path, secret: bool, check: Callable[[Path], None]) -> None:
    """Replace the file in one step. The new one is never readable to others, not even for a moment, when secret."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise ConfigError(f"{path.parent}: cannot be written to: {error.strerror}") from None
    temporary = Path(name)
    try:
        with open(number, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor, not a path
            os.fchmod(file.fileno(), 0o600 if secret else 0o644)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        check(temporary)
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _run(*command: str) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise ConfigError(f"{command[0]} is not on the PATH; without it a configuration is not put in force")
    try:
        done = subprocess.run([program, *command[1:]], capture_output=True, timeout=CHECK_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{command[0]} did not end within {CHECK_SECONDS} s") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
        raise ConfigError(f"{command[0]} refuses the configuration:\n{hide_secrets(said)}")


def _reload(url: str) -> None:
    try:
        answer = requests.post(url, timeout=RELOAD_SECONDS)
    except requests.RequestException as error:
        raise ConfigError(f"the server could not be told to reload: {type(error).__name__}") from None
    if not answer.ok:
        raise ConfigError(
            f"the server refuses to reload ({answer.status_code}): {hide_secrets(answer.text.strip()[:2000])}"
        )


def hide_secrets(text: str) -> str:
    """The text with `<secret>` for values of secret keys and for what looks like a bot's token."""
    return SECRET_VALUES.sub(lambda found: f"{found['key'] or ''}<secret>", text)
