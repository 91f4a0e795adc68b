"""Runs every benchmark of this folder, each in a process of its own: `make bench`, `make bench-quick`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """0 when every benchmark ran; a ratio beyond its goal is shown by the benchmark, not judged here."""
    failed = []
    for script in sorted(HERE.glob("[a-z]*.py")):
        print(f"\n== {script.stem} ==", flush=True)
        if subprocess.run([sys.executable, str(script), *sys.argv[1:]], check=False).returncode:
            failed.append(script.stem)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
