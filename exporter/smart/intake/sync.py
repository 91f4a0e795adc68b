"""fsync of directories, shared by the threads that need it at the same time."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class GroupSync:
    """fsync of one directory, shared by all threads that ask for it meanwhile."""

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(directory, os.O_RDONLY)
        self._changed = threading.Condition()
        self._asked = 0
        self._synced = 0
        self._busy = False

    def sync(self) -> None:
        """Returns when every rename into the directory made before the call is lasting. Raises OSError."""
        with self._changed:
            self._asked += 1
            mine = self._asked
            while self._synced < mine and self._busy:
                self._changed.wait()
            if self._synced >= mine:
                return
            self._busy = True
            covered = self._asked
        try:
            os.fsync(self._fd)
        except OSError:
            covered = 0
            raise
        finally:
            with self._changed:
                self._busy = False
                self._synced = max(self._synced, covered)
                self._changed.notify_all()

    def close(self) -> None:
        """Give the directory's descriptor back."""
        os.close(self._fd)
