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


# Payments over HTTP (x402)


class OfferUnreadable(Refused):
    """The seller's offer cannot be read: a malformed amount, address or answer. Nothing was signed."""


class OfferSchemeUnknown(Refused):
    """The seller wants to be paid by a scheme that is not known here."""


class OfferNetworkUnknown(Refused):
    """The seller wants to be paid on another network than the session's."""


class OfferAssetUnknown(Refused):
    """The seller wants another token than the network's own, perhaps one that looks like it."""


class OfferDomainMismatch(Refused):
    """The offer names another signing domain than the token has on chain."""


class OfferTimesRefused(Refused):
    """The offer wants an authorization that holds for no time, or for too long."""


class OfferPayeeRefused(Refused):
    """The offer's payee cannot be meant: nobody, the token, or the payer itself."""


class OfferAboveMax(Refused):
    """The offer is more than one payment of this client may be."""


class OfferChannelRefused(Refused):
    """The seller wants a channel that its payer could not get out of, or that this session cannot open."""


class ChannelChanged(Refused):
    """The seller wants another channel than the one that is open: who signs for it, or when money comes back."""


class ChannelTotalRefused(Refused):
    """The seller says that more was charged than this client was ever asked for."""


class OfferResourceElsewhere(Refused):
    """The offer is for a resource of another host than the one that was asked."""


class OfferChanged(Refused):
    """The seller was sent a payment for its offer and made another one; the payment that was sent still counts."""


class PayeeChanged(Refused):
    """A host wants to be paid to another address than before, and the session's policy names its payees."""


class HostNotAllowed(Refused):
    """This client may not pay the host."""


class HostInsecure(Refused):
    """The host was asked over plain HTTP: anybody on the way could change offer and answer."""


class RedirectedOffer(Refused):
    """Another host than the one that was asked wants to be paid."""


class BodyNotReplayable(Refused):
    """The request's body is a stream, which cannot be sent again with the payment."""


class PaymentNotAccepted(Refused):
    """The seller was sent a payment and asks for one again; what was sent counts until the chain proves otherwise."""


class PaymentSignedElsewhere(Refused):
    """This payment was signed before, and its bytes are not in this state folder: no other is signed."""


class SigningRefused(Refused):
    """What was about to be signed is not what is held and was offered: nothing was signed."""


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


# Keys that a delegate made for itself


class EnrollmentUsed(Refused):
    """The enrolment has a session already: each is good for one."""


class EnrollmentExpired(Refused):
    """The enrolment was not used in time; the delegate makes another one."""


class EnrollmentNeeded(Refused):
    """The session was made by enrolment, and so are the keys that take its place: let the delegate enrol anew."""


class EnrollmentForAnother(Refused):
    """The delegate enrolled for another owner, whom its code names."""


class ProofRequired(Refused, Unauthenticated):
    """The session's requests are signed with its proof key, and this one was not."""


class ProofInvalid(Refused, Unauthenticated):
    """The signature is not that of this request by the session's proof key."""


class ProofStale(Refused, Unauthenticated):
    """The signature is too old, or of the future; `limit` is the platform's time, unix seconds."""


class ProofReplayed(Refused, Unauthenticated):
    """A request with this very signature was there before."""
