"""Whatever is in a file, it is loaded or refused by InventoryError, soon."""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inventory_cases import DATA, NOW

from smart.errors import InventoryError
from smart.inventory.load import load_inventory

GOOD = [path.read_bytes() for path in sorted(DATA.glob("*.yml"))]
KEYS = sorted({key for data in GOOD for key in re.findall(r"([a-z_]+):", data.decode("utf-8", "ignore"))})
WORDS = "no on yes ~ 123 1e999 2026-02-30 push poll closed north-1 599DEMO http://[:: http://a:0 a@b.c 48h [ { ' \" | >"
SETTINGS = settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(WORDS.split())),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)),
    max_leaves=30,
)
branches = st.dictionaries(st.sampled_from(KEYS), values, max_size=15)


def try_to_load(data: bytes, name: str) -> None:
    """Loads a directory with that file in it: any other error than InventoryError fails the test."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        for good in ("dealers", "north"):
            (path / f"{good}.yml").write_bytes((DATA / f"good-{good}.yml").read_bytes())
        (path / name).write_bytes(data)
        started = time.process_time()
        try:
            load_inventory(path, lambda: NOW)
        except InventoryError as error:
            problems = error.problems
        else:
            problems = None
        assert time.process_time() - started < 3
    if problems is not None:
        assert problems
    for problem in problems or ():
        str(problem).encode()
        assert "\n" not in str(problem)


@SETTINGS
@given(st.binary(max_size=2_000), st.sampled_from(["dealers.yml", "west.yml"]))
def test_any_bytes_are_loaded_or_refused(data, name):
    try_to_load(data, name)


@SETTINGS
@given(st.text(max_size=500), st.sampled_from(["dealers.yml", "west.yml"]))
def test_any_text_is_loaded_or_refused(text, name):
    try_to_load(text.encode("utf-8", "surrogatepass"), name)


@SETTINGS
@given(branches, st.booleans(), st.sampled_from(["dealers.yml", "north.yml"]))
def test_any_yaml_of_known_keys_is_loaded_or_refused(tree, flow, name):
    try_to_load(yaml.dump(tree, default_flow_style=flow, allow_unicode=True).encode("utf-8", "surrogatepass"), name)


@SETTINGS
@given(st.sampled_from(GOOD), st.integers(0, 2_000), st.integers(0, 50), st.binary(max_size=20))
def test_any_damage_to_a_real_file_is_loaded_or_refused(data, start, length, instead):
    try_to_load(data[:start] + instead + data[start + length :], "north.yml")


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b"{a: " * 500_000,
        b"- " * 1_000_000,
        b"? " * 1_000_000,
        b"".join(b"%sa:\n" % (b" " * depth) for depth in range(2_000)),
        b"a: " + b"9" * 5_000_000,
        b"a: " + b"1:" * 1_000_000,
        b"%YAML 1." + b"9" * 100_000 + b"\n---\na: 1\n",
        b'a: "\\U00110000"\n',
        b'title: "\\ud800"\n',
        b"a: " + b"x " * 2_000_000,
        b"x" * 7_000_000 + b": 1\n",
        b"since: 9999-12-31\n",
        b"timezone: " + b"Europe/" * 100_000,
        b"timezone: Europe\n",
        b"!!python/object/apply:os.system [exit]\n",
    ],
    ids=[
        "brackets",
        "braces",
        "dashes",
        "question marks",
        "indentation",
        "digits",
        "sexagesimal",
        "version",
        "code point",
        "surrogate",
        "words",
        "key",
        "last day",
        "long zone",
        "zone that is a directory",
        "python object",
    ],
)
def test_files_made_to_hurt_are_refused_quickly(data):
    try_to_load(data, "west.yml")
