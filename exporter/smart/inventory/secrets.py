"""Where a secret is, as YAML files say it. What is written there is never repeated: it may be the secret itself."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from smart.inventory.model import Secret
from smart.yamlfile.fields import Fields
from smart.yamlfile.forms import Form

MAX_SECRET_BYTES = 4_096
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def read_secret(fields: Fields, name: str, *, required: bool = False) -> Secret | None:
    """NAME_file (must be there, closed to others) or NAME_env (looked up when used)."""
    in_file, in_variable = f"{name}_file", f"{name}_env"

    def read_path(value: str) -> Secret:
        path = fields.source.directory / value
        _check_file(path)
        return Secret(file=path)

    file = fields.value(in_file, Form("the path of a file", read_path), None)
    variable = fields.value(in_variable, VARIABLE_FORM, None)
    if fields.given(in_file) and fields.given(in_variable):
        fields.problem(in_variable, f"is given beside {in_file}; keep one of them")
    elif required and not fields.given(in_file) and not fields.given(in_variable):
        message = f"is missing; name a file that holds the secret, or an environment variable in {in_variable}"
        fields.problem(in_file, message)
    return file or variable


def _check_file(path: Path) -> None:
    """Can a file hold a secret? Raises ValueError if not."""
    try:
        state = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError("there is no such file (paths are relative to the directory of the inventory)") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "bad path"
        raise ValueError(f"the file cannot be looked at: {reason}") from None
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("is not a regular file")
    if state.st_mode & 0o077:
        mode = stat.S_IMODE(state.st_mode)
        raise ValueError(f"the file is open to other users (mode {mode:o}); run chmod 600 on it")
    if not os.access(path, os.R_OK):
        raise ValueError("the file cannot be read by this user")
    if not 0 < state.st_size <= MAX_SECRET_BYTES:
        raise ValueError(f"the file must hold one secret, 1 to {MAX_SECRET_BYTES} bytes")


def _read_variable(value: str) -> Secret:
    if not _VARIABLE.fullmatch(value):
        raise ValueError("must be the name of an environment variable, in latin letters, digits and _")
    return Secret(environment=value)


VARIABLE_FORM = Form("the name of an environment variable", _read_variable)
