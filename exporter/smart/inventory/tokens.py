"""Upload tokens: made here, known to the inventory only by their hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from smart.inventory.model import Dealer, Inventory

# Hashes of nothing anybody holds: compared with where there is no dealer or no second token.
_NOBODY = (secrets.token_hex(32), secrets.token_hex(32))


def new_token() -> tuple[str, str]:
    """A new token, fit for an address or a header, and the hex of its SHA-256 for `upload_tokens`."""
    token = secrets.token_urlsafe(32)
    return token, _digest(token)


def dealer_of_token(inventory: Inventory, dealer_name: str, token: str) -> Dealer | None:
    """The dealer of that name, if the token is one of its own; None otherwise.

    One hash and two comparisons in constant time, whether the dealer exists or not and however many tokens it has.
    """
    dealer = inventory.dealers.get(dealer_name)
    first, second = ((dealer.token_sha256 if dealer else ()) + _NOBODY)[:2]
    given = _digest(token)
    is_first = hmac.compare_digest(given, first)
    is_second = hmac.compare_digest(given, second)
    return dealer if is_first or is_second else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
