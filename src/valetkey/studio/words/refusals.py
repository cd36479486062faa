"""Why a spend was refused, in a sentence for its owner, and what would help."""

WHY = {
    "session_revoked": ("It was revoked.", "Make a new session."),
    "session_expired": ("Its time was over.", "Extend it, or make a new one."),
    "session_paused": ("It was paused, or everything was frozen.", "Resume it."),
    "session_pending": ("It had not begun yet.", "Wait until it begins."),
    "budget_exceeded": ("It was more than what is left of the budget.", "Extend it by a larger budget."),
    "window_exceeded": ("It was more than what a window leaves.", "Wait until the window moves on."),
    "spend_count_exceeded": ("It had made all of its spends.", "Rotate it, or make a new one."),
    "per_spend_exceeded": ("It was more than one spend may cost.", "A smaller spend passes."),
    "service_not_allowed": ("The service is not on its list.", "Make a session that allows it."),
    "no_limit_for_asset": ("It has no limit for that token.", "Make a session with one."),
    "asset_not_allowed": ("The token is not on its list.", "Make a session that allows it."),
    "chain_not_allowed": ("The chain is not on its list.", "Make a session that allows it."),
    "payee_not_allowed": ("The payee is not on its list.", "Look at the address: this may be a theft."),
    "operation_not_allowed": ("The operation is not on its list.", "Make a session that allows it."),
    "approval_required": ("It needed your approval.", "See the approvals."),
    "approval_stale": ("Its approval was of another policy.", "It has to ask again."),
    "not_narrower": ("A child would have been allowed more than its parent.", "Nothing: it was an attempt."),
}
"""By the code: why, and what helps. The codes are those of docs/reference/refusals.md."""


def explained(code: str) -> tuple[str, str]:
    """Why, and what helps; a code without words of its own is told as it is."""
    return WHY.get(code, (f"Refused: {code.replace('_', ' ')}.", ""))


BINDING = {
    "budget_exceeded": "what is left of the budget",
    "window_exceeded": "what a window leaves",
    "per_spend_exceeded": "the limit of each spend",
}


def binding(code: str) -> str:
    """Which rule a spend is measured by, as a part of a sentence."""
    return BINDING.get(code, f"a rule ({code.replace('_', ' ')})")
