"""Lives of API keys: made by a wallet's signature or by another key, and revoked. Each is told in the owner's chain."""

from dataclasses import replace

from valetkey.core.api_key import SIGN_INS_MAX, ApiKey, check_makes, check_room
from valetkey.core.audit import Kind
from valetkey.core.refusal import Refused
from valetkey.ports.accounts import Answer
from valetkey.stores.book import telling
from valetkey.stores.book.facts import Book

WALLET = "wallet"
"""Who acted, when it was the signature of the owner's wallet."""


def register(
    book: Book,
    key: ApiKey,
    api_key_hash: bytes,
    *,
    revoke_others: bool = False,
    answer: Answer | None = None,
) -> Refused | None:
    """See `add_api_key` in ports/accounts.py. The first key of a new agent comes this way too."""
    others = book.living_keys(key.owner_id)
    over = others if revoke_others else []
    if key.is_sign_in and not revoke_others:
        # Oldest first.
        given = [one for one in others if one.is_sign_in]
        over = given[: max(0, len(given) + 1 - SIGN_INS_MAX)]
    if refused := check_room(len(others) - len(over)):
        return refused
    for other in over:
        _end(book, other, WALLET)
    _add(book, key, api_key_hash, WALLET)
    if answer is not None:
        book.answer(answer)
    return None


def make(
    book: Book, key: ApiKey, api_key_hash: bytes, maker_id: str, answer: Answer | None
) -> Refused | None:
    """See `make_key` in ports/accounts.py."""
    maker = book.key(key.owner_id, maker_id)
    refused = check_makes(maker, key, len(book.living_keys(key.owner_id)), book.now)
    if refused is not None:
        return refused
    _add(book, key, api_key_hash, maker.actor)
    if answer is not None:
        book.answer(answer)
    return None


def revoke(book: Book, owner_id: str, key_id: str, by: str) -> ApiKey:
    """See `revoke_key` in ports/accounts.py."""
    key = book.key(owner_id, key_id)
    return key if key.revoked_at is not None else _end(book, key, by)


def _add(book: Book, key: ApiKey, api_key_hash: bytes, by: str) -> None:
    book.add_key(key, api_key_hash)
    book.append(key.owner_id, key.owner_id, Kind.KEY_CREATED, None, telling.key_made(key, by))


def _end(book: Book, key: ApiKey, by: str) -> ApiKey:
    ended = replace(key, revoked_at=book.now)
    book.end_key(ended)
    book.append(key.owner_id, key.owner_id, Kind.KEY_REVOKED, None, {"key": key.id, "by": by})
    return ended
