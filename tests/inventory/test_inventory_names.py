"""Names that look right and are not."""

from __future__ import annotations

import pytest

from smart.inventory.values import read_client_name


def test_a_cyrillic_letter_among_latin_ones_is_pointed_out() -> None:
    with pytest.raises(ValueError, match="letter 3, is CYRILLIC SMALL LETTER A"):
        read_client_name("pl\N{CYRILLIC SMALL LETTER A}nt7")


def test_a_name_all_in_cyrillic_needs_no_such_hint() -> None:
    with pytest.raises(ValueError, match=r"\{1,64\}$"):
        read_client_name("Завод")
