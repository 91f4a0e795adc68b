"""Reads the YAML files people write for SMART, strictly: every mistake is told at once, with file and line."""
