"""What a deed that failed did to the money, and what to do next."""

from valetkey.core.errors import EnvironmentFailure, ValetkeyError
from valetkey.sdk.errors import InsufficientFunds, RecoveryFailed
from valetkey.studio.deeds.deed import FUND, GRANT, NARROW, RECLAIM, ROTATE, Deed

SENT = {
    "gas": "gas",
    "funded": "the money",
    "lent": "gas",
    "approved": "the approval",
    "revoked": "the revocation",
}


def advice(deed: Deed, error: ValetkeyError) -> list[str]:
    """Sentences, the money first."""
    pending = [words for name, words in SENT.items() if name in deed.asked and name not in deed.done]
    told = []
    if pending:
        told.append(
            f"Whether your wallet sent {pending[0]} is not known here. Go on looks at the chain first, and sends"
            " nothing twice."
        )
    told += {
        FUND: _funding,
        RECLAIM: _reclaiming,
        ROTATE: _rotating,
        NARROW: _narrowing,
        GRANT: _granting,
    }[deed.kind](deed, is_pending=bool(pending), is_open=isinstance(error, EnvironmentFailure))
    if isinstance(error, InsufficientFunds):
        told.append("Put what is missing into the wallet that is named, and go on.")
    elif isinstance(error, RecoveryFailed) and deed.kind != RECLAIM:
        told.append(
            "Rotate the session: that makes keys with a recovery copy. Where this wallet is the wrong one, take the"
            " owner's."
        )
    elif isinstance(error, RecoveryFailed):
        told.append("Whoever holds its bundle can still send the money home: valetkey session reclaim.")
    return told


def _funding(deed: Deed, *, is_pending: bool, is_open: bool) -> list[str]:
    if is_pending:
        return []
    if "gas" in deed.done:
        return ["The gas is in the session's wallet, and comes home by Reclaim; no USDC has moved."]
    if is_open:
        return ["Whether the money was sent is looked up when you go on: it is sent once."]
    return ["No money has moved."]


def _reclaiming(deed: Deed, *, is_pending: bool, is_open: bool) -> list[str]:
    del is_pending, is_open
    ended = "The session is revoked. " if "ended" in deed.done else ""
    return [
        f"{ended}What it had is where it was; whoever has its key can still take it until this is done: go on soon."
    ]


def _rotating(deed: Deed, *, is_pending: bool, is_open: bool) -> list[str]:
    del is_pending, is_open
    if "made" not in deed.done:
        return ["The session is as it was, and no money has moved."]
    return [
        "The new session is there, and its keys are kept here, sealed. Nothing was handed over, and the old keys end as"
        " you said: go on soon."
    ]


def _narrowing(deed: Deed, *, is_pending: bool, is_open: bool) -> list[str]:
    del is_pending, is_open
    if "made" not in deed.done:
        return ["Nobody has another session, and no money has moved."]
    return ["The narrower session is there, and its keys are kept here, sealed. Nothing was handed over."]


def _granting(deed: Deed, *, is_pending: bool, is_open: bool) -> list[str]:
    del is_open
    if is_pending:
        return []
    if "granted" in deed.done:
        return ["The grant is signed, and takes nothing before the contract is approved."]
    return ["The session pays nothing before it has its grant. No money has moved."]
