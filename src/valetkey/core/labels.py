"""Labels of an owner's sessions: when one is taken. Names are compared as the texts that they are.

A label is taken by a session that is not revoked, for its life; what is paused or has spent all has it still. Two
sessions may share one unless their owner wants labels to be unique, or one of them was made as the sole one of its
label. A session and those whose place it took by rotation are one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from valetkey.core.refusal import Code, Refusal, Refused
from valetkey.core.session import Lineage, Session


@dataclass(frozen=True, slots=True)
class Labelled:
    """A session that has a label, and its life, which is no longer than that of any of its `ancestors` (ids).

    It begins at `begins` and is over at `ends`, unix seconds.
    """

    session_id: str
    begins: int
    ends: int
    sole: bool
    ancestors: tuple[str, ...] = ()


def labelled(lineage: Lineage, *, sole: bool) -> Labelled | None:
    """What a session with a label takes; None when it, or an ancestor, is revoked."""
    if any(one.revoked_at is not None for one in lineage):
        return None
    return Labelled(
        lineage[0].id,
        max(one.policy.not_before for one in lineage),
        min(one.policy.expires_at for one in lineage),
        sole,
        tuple(one.id for one in lineage[1:]),
    )


def took_place_of(session_id: str, lineage: Lineage) -> bool:
    """Whether the session is that of the lineage, or came into its place by rotation.

    Who was rotated is a child of who took the place, so that its lineage tells all of them.
    """
    by_id: dict[str, Session] = {one.id: one for one in lineage}
    one: Session | None = lineage[0]
    while one is not None:
        if one.id == session_id:
            return True
        one = by_id.get(one.successor_id) if one.successor_id is not None else None
    return False


def check_label(
    label: str, begins: int, ends: int, others: Iterable[Labelled], is_exempt: Callable[[Labelled], bool]
) -> Refused | None:
    """Whether a label is free from `begins` until before `ends`.

    `others` are those of its sessions that it may not be shared with; `is_exempt`: whether one of them is the session
    itself, or in its place.
    """
    for other in others:
        if other.begins < ends and begins < other.ends and not is_exempt(other):
            return Refused(
                (
                    Refusal(
                        Code.LABEL_TAKEN,
                        "label",
                        f"the label {label!r} is taken by {other.session_id} until {other.ends}",
                        limit=other.ends,
                        hint="choose another label, begin when that session has ended, or revoke it",
                        session_id=other.session_id,
                    ),
                )
            )
    return None


def key_taken(session_id: str) -> Refused:
    """What is answered when a session of the owner has the same key."""
    return Refused(
        (
            Refusal(
                Code.SESSION_KEY_TAKEN,
                "session_key",
                f"the session key is that of {session_id}: every session has a key of its own, also after its end",
                hint="make a new key",
                session_id=session_id,
            ),
        )
    )
