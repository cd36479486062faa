"""Logs of SessionAllowance as its compiled events say, and logs that are none of it."""

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from valetkey.chains.evm.contracts import abi, event_topic
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import checksum_address
from valetkey.ports.chain import Log
from valetkey.wire.grant_events import AllRevoked, GrantEnded, GrantKnown, Spent, read_event

GRANT, OTHER, REFERENCE = b"\1" * 32, b"\2" * 32, b"\3" * 32
WHO = checksum_address("0x" + "ab" * 20)

CASES: dict[str, tuple[dict[str, Any], object]] = {
    "Spent": (
        {"grant": GRANT, "payee": WHO, "amount": 2**128 - 1, "reference": REFERENCE},
        Spent(GRANT, WHO, 2**128 - 1, REFERENCE),
    ),
    "GrantRegistered": ({"grant": GRANT, "owner": WHO}, GrantKnown(GRANT)),
    "GrantRevoked": ({"grant": GRANT}, GrantEnded(GRANT)),
    "GrantSucceeded": ({"grant": GRANT, "successor": OTHER}, GrantEnded(GRANT)),
    "AllRevoked": ({"owner": WHO, "epoch": 3}, AllRevoked(WHO, 3)),
    "Frozen": ({"owner": WHO}, None),
    "Thawed": ({"owner": WHO}, None),
    "NonceCancelled": ({"grant": GRANT, "nonce": 7}, None),
}


def a_log(name: str, values: dict[str, Any]) -> Log:
    """As a node tells it: what is indexed as topics, the rest as data."""
    (entry,) = [one for one in abi("SessionAllowance") if (one["type"], one.get("name")) == ("event", name)]
    words = [(one["indexed"], encode([one["type"]], [values[one["name"]]])) for one in entry["inputs"]]
    topics = (event_topic("SessionAllowance", name), *(word for indexed, word in words if indexed))
    return Log(5, "0x1", 0, topics, b"".join(word for indexed, word in words if not indexed))


@pytest.mark.parametrize("name", CASES)
def test_an_event_is_what_the_contract_says(name: str) -> None:
    values, event = CASES[name]
    assert read_event(a_log(name, values)) == event


def test_every_event_of_the_contract_is_here() -> None:
    assert set(CASES) == {one["name"] for one in abi("SessionAllowance") if one["type"] == "event"}


@pytest.mark.parametrize("name", [name for name, (_, event) in CASES.items() if event is not None])
def test_an_event_of_another_shape_is_refused(name: str) -> None:
    log = a_log(name, CASES[name][0])
    for topics, data in (
        (log.topics[:-1] if len(log.topics) > 1 else (*log.topics, GRANT), log.data),
        ((*log.topics, GRANT), log.data),
        (log.topics, log.data + bytes(32)),
        (log.topics, log.data + b"\0"),
    ):
        with pytest.raises(InvalidInput):
            read_event(replace(log, topics=topics, data=data))


def test_other_logs_concern_nobody() -> None:
    for topics in ((), (b"\x7f" * 32,), (b"\x7f" * 32, GRANT)):
        assert read_event(Log(5, "0x1", 0, topics, bytes(96))) is None
