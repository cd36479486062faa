"""What a code means, and what to do about it: from the one table of errors, and the classes that tell of each."""

from valetkey.core.errors import InvalidInput
from valetkey.core.refusal import Code
from valetkey.mcp.answers import Json
from valetkey.mcp.schemas import NEXT_REFUSAL, STRING, YES, answer
from valetkey.sdk import errors
from valetkey.wire.errors import CODES

EXPLANATION = answer(
    ("code", "kind", "meaning", "what_to_do", "retryable"),
    code=STRING,
    kind=STRING,
    meaning=STRING,
    what_to_do=STRING,
    retryable=YES,
    next_refusal=NEXT_REFUSAL,
)

TO_DO = {
    "refused": "This is the owner's rule. Ask for less or for something that is allowed (see `hint`), or tell the user"
    " what the owner would have to change. Do not split a payment to get below a limit.",
    "unauthenticated": "The credential is dead: nothing can be spent with this session any more. Stop, and tell the"
    " user to ask the owner for a new one.",
    "forbidden": "This caller may never do this. Do something else, or tell the user.",
    "not_found": "There is no such thing that this session may see. Check the id.",
    "conflict": "It does not fit how things stand. Look at check_session_inventory or transaction_status before you"
    " try anything else.",
    "invalid_input": "The call is malformed: correct the named field and call again.",
    "unproven": "The chain does not show what was claimed, yet. Nothing is lost: look at transaction_status, and call"
    " again with the very same arguments.",
    "try_later": "Something outside failed. Call again with the very same arguments in a moment; a payment is never"
    " made twice by that.",
    "internal": "A fault of the software. Look at transaction_status before you try anything else.",
}
SPECIAL = {
    Code.APPROVAL_REQUIRED: "The owner has to approve it. request_approval asks; call the same tool with the very same"
    " arguments when the owner has approved.",
    Code.WINDOW_EXCEEDED: "Ask for less, or wait until `resets_at` and call again with the same arguments.",
    Code.HOLD_ENDED: "The earlier attempt ended, and nothing was paid by it. If it is still wanted, call again with"
    " `again` one higher.",
    Code.SESSION_PAUSED: "The owner stopped the session for a while. Wait, and tell the user.",
    Code.SESSION_PENDING: "The session has not begun: wait until `resets_at`.",
}


def explained(code: str, next_refusal: Json | None) -> Json:
    """What a code means. Raises InvalidInput for one that there is not."""
    row = CODES.get(code)
    if row is None:
        raise InvalidInput("there is no such code", field="code")
    kind = getattr(errors, row.sdk_class, None)
    told: Json = {
        "code": code,
        "kind": row.mcp_error,
        "meaning": " ".join((kind.__doc__ or "").split()) if kind is not None else row.sdk_class,
        "what_to_do": SPECIAL.get(Code(code)) if code in set(Code) else None,
        "retryable": row.retryable,
    }
    told["what_to_do"] = told["what_to_do"] or TO_DO[row.mcp_error]
    return told if next_refusal is None else told | {"next_refusal": next_refusal}
