"""Certificates made by openssl for tests; a new one of the same name replaces the files."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(folder: Path, name: str, *, signed_by: str = "", common_name: str = "") -> None:
    """Writes NAME.crt and NAME.key for localhost and 127.0.0.1, self-signed or signed by another one of the folder."""
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", f"/CN={common_name or name}"),
        *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        *("-keyout", f"{name}.key", "-out", f"{name}.crt"),
    ]
    if signed_by:
        command += ["-CA", f"{signed_by}.crt", "-CAkey", f"{signed_by}.key", "-addext", "basicConstraints=CA:FALSE"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
