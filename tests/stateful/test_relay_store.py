"""Random lives of a relayer's queue in every store, beside a list of what it was told: no nonce twice, no wei lost."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.stores.blocking import Blocking
from tests.stores.conftest import OPENERS
from tests.stores.making import SystemTime, code
from tests.stores.making_grants import CHAIN, OTHER_SENDER, SENDER, a_relay
from valetkey.core.refusal import Refused
from valetkey.ports.relays import DAY_SECONDS, Relay, RelayLimits, RelayState

Opener = Callable[[Path, SystemTime], Any]
NUMBERS = st.integers(0, 99)
WEI = st.sampled_from([0, 1, 30, 70, 2**64])
SENDERS = (SENDER, OTHER_SENDER)
OPEN = (RelayState.QUEUED, RelayState.SIGNED)


class RelayMachine(RuleBasedStateMachine):
    """Two senders of one chain. `relays` is in the order in which they were wanted."""

    opener: ClassVar[Opener]
    outlives_its_process: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.folder, self.time = Path(tempfile.mkdtemp()), SystemTime()
        self.store = self._open()
        self.relays: list[Relay] = []
        self.next = dict.fromkeys(SENDERS, 0)

    def _open(self) -> Blocking:
        return Blocking(type(self).opener(self.folder, self.time))

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def some(self, number: int) -> Relay | None:
        return self.relays[number % len(self.relays)] if self.relays else None

    def put(self, relay: Relay) -> None:
        self.relays = [relay if one.id == relay.id else one for one in self.relays]

    def wei(self, sender: str, owner: str | None = None) -> int:
        since = int(self.time.seconds) - DAY_SECONDS
        mine = [one for one in self.relays if one.sender == sender and owner in (None, one.owner_id)]
        wanted = sum(one.cost_max for one in mine if one.state in OPEN)
        return wanted + sum(one.cost or 0 for one in mine if one.state not in OPEN and one.made_at > since)

    @rule(
        sender=st.sampled_from(SENDERS),
        purpose=st.sampled_from("abc"),
        owner=st.sampled_from(["agt_1", "agt_2"]),
        wei=WEI,
        total=st.none() | st.integers(0, 300),
        own=st.none() | st.integers(0, 150),
    )
    def want(
        self, sender: str, purpose: str, owner: str, wei: int, total: int | None, own: int | None
    ) -> None:
        wanted = a_relay(purpose, wei, sender=sender, owner_id=owner, made_at=int(self.time.seconds))
        answer = self.store.queue_relay(wanted, RelayLimits(total, own))
        of_purpose = [one for one in self.relays if (one.sender, one.purpose) == (sender, purpose)]
        if of_purpose and of_purpose[-1].state in (*OPEN, RelayState.DONE):
            assert answer == of_purpose[-1]
            return
        fits = total is None or self.wei(sender) + wei <= total
        fits = fits and (own is None or self.wei(sender, owner) + wei <= own)
        assert isinstance(answer, Refused) != fits
        if isinstance(answer, Refused):
            assert code(answer) == "relay_limit"
            assert self.store.relay(wanted.id) is None
        else:
            assert answer == wanted
            self.relays.append(wanted)

    @rule(number=NUMBERS, at_least=st.integers(0, 12))
    def give_nonce(self, number: int, at_least: int) -> None:
        relay = self.some(number)
        if relay is None:
            return
        if relay.nonce is None and relay.state is RelayState.QUEUED:
            nonce = max(at_least, self.next[relay.sender])
            self.next[relay.sender] = nonce + 1
            relay = replace(relay, nonce=nonce)
        assert self.store.give_nonce(relay.id, at_least) == relay
        self.put(relay)

    @rule(number=NUMBERS, off=st.sampled_from([0, 0, 0, -1, 1]), wei=WEI)
    def sign(self, number: int, off: int, wei: int) -> None:
        relay = self.some(number)
        if relay is None:
            return
        known, tx_hash = len(relay.hashes) + off, f"0x{relay.id}{len(relay.hashes)}"
        if relay.state in OPEN and relay.nonce is not None and off == 0:
            after = replace(relay, state=RelayState.SIGNED, raw=b"%d" % known, cost_max=wei)
            after = replace(after, hashes=(*relay.hashes, tx_hash), signed_at=int(self.time.seconds))
        else:
            after = relay
        assert self.store.sign_relay(relay.id, known, b"%d" % known, tx_hash, wei) == after
        self.put(after)

    @rule(
        number=NUMBERS,
        state=st.sampled_from([RelayState.DONE, RelayState.FAILED, RelayState.DROPPED]),
        wei=WEI,
    )
    def end(self, number: int, state: RelayState, wei: int) -> None:
        relay = self.some(number)
        if relay is None:
            return
        after = relay
        if relay.state in OPEN and not (state is RelayState.DROPPED and relay.nonce is not None):
            after = replace(relay, state=state, block=7, cost=wei, reason="because")
        assert self.store.end_relay(relay.id, state, block=7, cost=wei, reason="because") == after
        self.put(after)

    @rule(seconds=st.sampled_from([1, 3_600, DAY_SECONDS - 1, DAY_SECONDS]))
    def wait(self, seconds: int) -> None:
        self.time.seconds += seconds

    @rule()
    def restart(self) -> None:
        if self.outlives_its_process:
            self.store.close()
            self.store = self._open()

    @invariant()
    def no_nonce_is_given_twice(self) -> None:
        for sender in SENDERS:
            given = [one.nonce for one in self.relays if one.sender == sender and one.nonce is not None]
            assert len(set(given)) == len(given)

    @invariant()
    def the_queue_is_what_it_was_told(self) -> None:
        for sender in SENDERS:
            mine = [one for one in self.relays if one.sender == sender]
            waiting = [one for one in mine if one.state in OPEN]
            waiting.sort(key=lambda one: (one.nonce is None, one.nonce or 0))
            assert self.store.open_relays(CHAIN, sender, 100) == waiting
            assert self.store.relayed_wei(CHAIN, sender) == self.wei(sender)
            assert self.store.relayed_wei(CHAIN, sender, "agt_1") == self.wei(sender, "agt_1")
            for purpose in "abc":
                newest = [one for one in mine if one.purpose == purpose][-1:]
                assert self.store.relay_of_purpose(CHAIN, sender, purpose) == (newest or [None])[0]


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_a_relayer_s_queue(name: str) -> None:
    members = {"opener": staticmethod(OPENERS[name]), "outlives_its_process": name != "memory"}
    run_state_machine_as_test(
        seed(302)(type("RelayMachine", (RelayMachine,), members)),
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
