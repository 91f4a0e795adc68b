"""The fixture of the delivery tests; it and what they need besides is in delivery_stack.py."""

from delivery_stack import post  # noqa: F401
