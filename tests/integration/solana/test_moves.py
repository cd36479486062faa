"""What a session's key moves by unusual instructions is seen like any other payment."""

import time
from types import SimpleNamespace

import pytest
from solders.pubkey import Pubkey

from tests.fixtures_solana import TOKEN, TOKEN_2022, ClusterRpc
from tests.integration.solana.acting import Scene, act
from valetkey.chains.solana import programs
from valetkey.chains.solana.moves import read_moves
from valetkey.chains.solana.programs import AccountMeta, Instruction
from valetkey.chains.solana.submitting import blockhash, settle
from valetkey.chains.solana.transactions import sign
from valetkey.crypto import base58
from valetkey.ports.chain import Transfer
from valetkey.wire.solana import payment_of

UNITS = (7).to_bytes(8, "little")
TRANSFER = bytes([programs.TRANSFER]) + UNITS


@pytest.mark.parametrize("program", [TOKEN, TOKEN_2022], ids=["spl", "token-2022"])
def test_what_the_key_moves_in_a_batch_is_seen(cluster: ClusterRpc, program: str) -> None:
    """The token programs of today take several instructions as one: number 255."""

    async def story(scene: Scene) -> None:
        session, thief = scene.session, cluster.wallet()
        loot = Pubkey.from_string(cluster.give(thief.address, str(session.mint), 1))
        from_to = [AccountMeta(session.account, False, True), AccountMeta(loot, False, True)]
        signer, mint = AccountMeta(session.key, True, False), AccountMeta(session.mint, False, False)
        checked = bytes([programs.TRANSFER_CHECKED]) + UNITS + b"\6"
        data = b"".join(
            [
                bytes([programs.BATCH]),
                bytes([3, len(TRANSFER)]) + TRANSFER,
                bytes([4, len(checked)]) + checked,
            ]
        )
        accounts = [*from_to, signer, from_to[0], mint, from_to[1], signer]
        recent = await blockhash(scene.node)
        raw = sign([Instruction(session.program, data, accounts)], session.key, recent.value, [scene.key])
        landed = await settle(scene.node, payment_of(raw, recent.last_valid_height, recent.slot))
        assert cluster.units(str(loot)) == 15
        done = await scene.reader.execution(landed.signature)
        assert done is not None
        moved = Transfer(str(session.mint), str(session.owner), thief.address, 7, scene.key.address)
        assert done.transfers == (moved, moved)

    act(cluster, story, program=program)


@pytest.mark.parametrize("length", [9, 100, 10_240])
def test_what_a_program_calls_with_more_data_than_is_needed_is_seen(length: int) -> None:
    """SPL Token reads its nine bytes and overlooks what stands behind them: 10,240 may."""
    stranger, account, target, key = (Pubkey(bytes([one]) * 32) for one in range(1, 5))
    keys = [stranger, account, target, key, programs.TOKEN]
    called = {
        "programIdIndex": 4,
        "accounts": [1, 2, 3],
        "data": base58.encode(TRANSFER.ljust(length, b"\xff")),
    }

    compiled = SimpleNamespace(program_id_index=0, accounts=b"", data=b"")
    message = SimpleNamespace(instructions=[compiled])
    meta = {
        "innerInstructions": [{"index": 0, "instructions": [called]}],
        "preTokenBalances": [{"accountIndex": 1, "mint": "mint", "owner": "owner"}],
        "postTokenBalances": [],
    }
    begun = time.process_time()
    assert read_moves(message, keys, meta) == (Transfer("mint", "owner", str(target), 7, str(key)),)
    assert time.process_time() - begun < 1
