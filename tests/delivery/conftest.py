"""The fixture of the delivery tests; what they need besides is in delivery_stack.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from delivery_stack import post  # noqa: F401
