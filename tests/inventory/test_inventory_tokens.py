"""Who a token belongs to."""

from __future__ import annotations

import hashlib
import hmac
import re

import pytest

from smart.inventory import tokens
from smart.inventory.model import Dealer, Inventory
from smart.inventory.tokens import dealer_of_token, new_token

FIRST, SECOND, OTHER = (new_token() for _ in range(3))
INVENTORY = Inventory(
    {
        "599DEMO": Dealer("599DEMO", "Первый", (FIRST[1], SECOND[1])),
        "600DEMO": Dealer("600DEMO", "Второй", (OTHER[1],)),
    }
)


def test_new_tokens_are_random_and_fit_an_address():
    found = {new_token() for _ in range(100)}
    assert len(found) == 100
    for token, digest in found:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
        assert digest == hashlib.sha256(token.encode()).hexdigest()


@pytest.mark.parametrize(
    ("dealer", "token", "expected"),
    [
        ("599DEMO", FIRST[0], "599DEMO"),
        ("599DEMO", SECOND[0], "599DEMO"),
        ("600DEMO", OTHER[0], "600DEMO"),
        ("599DEMO", OTHER[0], None),
        ("600DEMO", FIRST[0], None),
        ("601DEMO", FIRST[0], None),
        ("599demo", FIRST[0], None),
        ("599DEMO", "", None),
        ("599DEMO", FIRST[1], None),
        ("599DEMO", f"sha256:{FIRST[1]}", None),
        ("599DEMO", "жетон", None),
        ("599DEMO", "\udcff", None),
        ("", "", None),
    ],
    ids=[
        "first token",
        "second token",
        "only token",
        "of another dealer",
        "of another dealer too",
        "unknown dealer",
        "dealer in other case",
        "empty token",
        "the hash itself",
        "the hash as written",
        "Cyrillic",
        "broken text",
        "nothing",
    ],
)
def test_only_a_dealers_own_token_opens(dealer, token, expected):
    found = dealer_of_token(INVENTORY, dealer, token)
    assert (found.name if found else None) == expected


@pytest.mark.parametrize("dealer", ["599DEMO", "600DEMO", "601DEMO"], ids=["two tokens", "one token", "unknown"])
@pytest.mark.parametrize("token", [FIRST[0], OTHER[0], "wrong", "x" * 10_000], ids=["first", "other", "wrong", "long"])
def test_the_work_is_the_same_for_every_dealer_and_token(dealer, token, monkeypatch):
    compared = []
    real = hmac.compare_digest

    def compare(given, known):
        compared.append((len(given), len(known)))
        return real(given, known)

    monkeypatch.setattr(tokens.hmac, "compare_digest", compare)
    dealer_of_token(INVENTORY, dealer, token)
    assert compared == [(64, 64), (64, 64)]
