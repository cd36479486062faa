"""One class for each refusal: what a session may not, and what a purchase may not."""

from valetkey.sdk.answers import Refused, Unauthenticated


class SessionRevoked(Refused, Unauthenticated):
    """The owner took the session back."""


class SessionExpired(Refused, Unauthenticated):
    """The session's time is over."""


# What a session may


class SessionPaused(Refused):
    """The owner paused the session."""

    retryable = True


class SessionPending(Refused):
    """The session has not begun."""

    retryable = True


class BudgetExceeded(Refused):
    """The spend is more than is left of the session's budget."""


class PerSpendExceeded(Refused):
    """The spend is more than one spend may be."""


class WindowExceeded(Refused):
    """The spend is more than is left in one of the session's windows; `resets_at` says when it fits."""

    retryable = True


class SpendCountExceeded(Refused):
    """Every spend that the session may make was made."""


class ServiceNotAllowed(Refused):
    """The session may not buy this service."""


class NoLimitForAsset(Refused):
    """The session has no limit for this asset."""


class AssetNotAllowed(Refused):
    """The session may not spend this token."""


class ChainNotAllowed(Refused):
    """The session may not spend on this chain."""


class PayeeNotAllowed(Refused):
    """The session may not pay this address."""


class OperationNotAllowed(Refused):
    """The session may not do this operation."""


class ApprovalRequired(Refused):
    """The spend waits for the owner's approval, which `approval_id` names; ask again when it was given."""

    retryable = True

    @property
    def approval_id(self) -> str | None:
        """The spend that waits; None when nothing was placed (a dry run)."""
        return next((reason.approval_id for reason in self.reasons if reason.approval_id), None)


class ApprovalStale(Refused):
    """What was approved is another spend, or a policy changed since."""


class HoldEnded(Refused):
    """The spend is over, or its time to begin is."""


class NotNarrower(Refused):
    """A child session, or an API key, would be allowed what its maker is not; `rule` says what."""


class TreeTooDeep(Refused):
    """The tree of sessions has no more generations."""


class TreeFull(Refused):
    """The tree has no room for another session."""


class SessionCannotDelegate(Refused):
    """The session may not make sessions of its own."""


class ScopeMissing(Refused):
    """The API key lacks the scope that the call needs; `hint` names it."""


class KeysFull(Refused):
    """The owner has as many living API keys as it may."""


class OwnerOnly(Refused):
    """Only the owner's API key can do this."""


class LabelTaken(Refused):
    """A living session has the label; `reasons[0].session_id` names it, `limit` is when it ends (unix seconds)."""


class SessionKeyTaken(Refused):
    """Another session of the owner has this session key; `reasons[0].session_id` names it."""


class GrantExists(Refused):
    """The session has another grant on this chain: revoke that one, or name it as the predecessor."""


class GrantMismatch(Refused):
    """What was signed is not for this session: another owner, key, token, contract, epoch or signature."""


class AlreadyClaimed(Refused):
    """Somebody else opened this claim first. One of the two is a thief: the session is stopped, its owner is told."""


class ClaimExpired(Refused):
    """Nobody opened this claim in time, and its session is revoked; or what was kept for its claimant is erased."""


class ClaimCancelled(Refused):
    """The owner took this claim, or its session, back before anybody opened it."""


class GrantNeeded(Refused):
    """The session pays out of a grant, and its owner has given it none yet, or that one is revoked."""


class RelayUnavailable(Refused):
    """The platform sends no transactions on this chain: whoever signed it pays its gas."""


class RelayLimit(Refused):
    """The relayer has spent what it may in 24 hours, in all or for this owner."""

    retryable = True


class RelayRefused(Refused):
    """The contract would refuse what was signed; the message is its own reason. Nothing was sent."""


# The purchase


class ServiceUnavailable(Refused):
    """The service is paused or archived."""


class NetworkMismatch(Refused):
    """The service is on another network."""


class PriceExceedsMax(Refused):
    """The purchase costs more than the buyer said it may: the seller changed its price."""


class SelfPurchase(Refused):
    """An agent does not buy from itself."""


class GraduationRequired(Refused):
    """The main network asks for a score that was earned on the test network."""


class InsufficientBalance(Refused):
    """The wallet has too little for the balance gate of registration."""


# What the chain shows


class FundingNotFound(Refused):
    """The chain does not show the payment yet."""

    retryable = True


class FundingUnconfirmed(Refused):
    """The payment needs more blocks on top of it."""

    retryable = True


class FundingReverted(Refused):
    """The payment reverted on chain: nothing was paid by it."""


class FundingMismatch(Refused):
    """What was paid is not what was agreed."""


class FundingReplayed(Refused):
    """The payment was for another purchase."""


class EscrowNotReleased(Refused):
    """The chain does not show that the escrow was released."""

    retryable = True


class EscrowNotDisputed(Refused):
    """The chain does not show that the escrow is disputed."""

    retryable = True


class WrongStatus(Refused):
    """The step does not fit the transaction's status."""


class WrongParty(Refused):
    """The other party of the transaction takes this step."""


class IdempotencyMismatch(Refused):
    """The idempotency key was used for another request."""
