# Generated from src/valetkey/sdk/_async/policies.py by scripts/generate_sync.py: edit that file instead.
"""Trying other rules: what they would have said to what was spent, and which of two is wider."""

from valetkey.sdk._sync.agent import Agent, segment
from valetkey.sdk._sync.fleet import id_of
from valetkey.sdk.limits import Rules
from valetkey.sdk.session_info import SessionInfo
from valetkey.wire.policies import (
    DiffPoliciesRequest,
    PolicyBody,
    PolicyDiff,
    PolicyRules,
    ReplayRequest,
    ReplayView,
)


class Policies(Agent):
    """The part of an owner that asks before it changes a rule. Nothing here changes anything."""

    def replay(self, session: SessionInfo | str, rules: Rules) -> ReplayView:
        """What other rules would have said to what a session spent, its newest 10,000 spends.

        The answer names the spends that would have been refused, with every reason, those that would have waited
        for approval, and how much of each currency would have passed. What its children spent is not in it, nor
        when it began and ended. Raises NotFound, InvalidAmount, InvalidInput.
        """
        asked = ReplayRequest(policy=PolicyRules(**rules.members()))
        path = f"/agents/session/{segment(id_of(session))}/replay"
        return self._client.send("POST", path, ReplayView, asked, repeat=True)

    def diff_policies(self, a: Rules, b: Rules) -> PolicyDiff:
        """Which of two sets of rules is wider: `a`, `b`, `equal`, or `incomparable`; and every rule that differs.

        Rules are compared one by one. Raises InvalidAmount, InvalidInput.
        """
        asked = DiffPoliciesRequest(a=PolicyBody(**a.members()), b=PolicyBody(**b.members()))
        return self._client.send("POST", "/policies/diff", PolicyDiff, asked, repeat=True)
