# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title What the owner of an escrow contract may set
@license Apache-2.0
@notice The roles, the supported tokens and the pause. Treasury, tokens and pause concern new escrows only; a new
        resolver also decides what the old one left open, and a new score hears of open escrows too. Nothing here
        keeps locked money in, and only the resolver's word on a dispute can say who gets it.
"""
from . import ownership

initializes: ownership
exports: ownership.__interface__


event TreasuryChanged:
    previous: indexed(address)
    treasury: indexed(address)


event ResolverChanged:
    previous: indexed(address)
    resolver: indexed(address)


event ScoreChanged:
    previous: indexed(address)
    score: indexed(address)


event AllowanceChanged:
    previous: indexed(address)
    allowance: indexed(address)


event TokenSupportChanged:
    token: indexed(address)
    supported: bool


event Paused:
    caller: indexed(address)


event Unpaused:
    caller: indexed(address)


treasury: public(address)
resolver: public(address)
score: public(address)
paused: public(bool)
supportedTokens: public(HashMap[address, bool])
allowance: public(address)


@deploy
def __init__(
    owner: address, treasury: address, resolver: address, score: address, tokens: DynArray[address, 16]
):
    """
    @notice Sets the roles and the first tokens; see Escrow.
    """
    ownership.__init__(owner)
    self._set_treasury(treasury)
    self._set_resolver(resolver)
    self._set_score(score)
    for token: address in tokens:
        self._set_token(token, True)


@external
def setTreasury(treasury: address):
    """
    @notice Changes who receives the fees of escrows created from now on. Owner only.
    @param treasury Neither zero nor this contract.
    """
    ownership._check_owner()
    self._set_treasury(treasury)


@external
def setResolver(resolver: address):
    """
    @notice Changes who decides disputes, open ones included. Owner only.
    @param resolver Not zero: open disputes would be stranded.
    """
    ownership._check_owner()
    self._set_resolver(resolver)


@external
def setScore(score: address):
    """
    @notice Changes who hears of outcomes. Owner only.
    @param score Zero switches the hooks off.
    """
    ownership._check_owner()
    self._set_score(score)


@external
def setAllowance(allowance: address):
    """
    @notice Changes which session allowance may pay for owners. Owner only. Its word says who the buyer of an escrow is.
    @param allowance A SessionAllowance; zero switches createEscrowWithSession off.
    """
    ownership._check_owner()
    log AllowanceChanged(previous=self.allowance, allowance=allowance)
    self.allowance = allowance


@external
def setTokenSupported(token: address, supported: bool):
    """
    @notice Says whether new escrows may use a token; existing ones go on. Owner only. Only plain tokens belong
            here: no fee on transfer, no rebasing.
    @param token Not zero.
    @param supported Whether it may be used.
    """
    ownership._check_owner()
    self._set_token(token, supported)


@external
def pause():
    """
    @notice Stops new escrows and nothing else: whatever is locked can always leave. Owner only.
    """
    ownership._check_owner()
    self.paused = True
    log Paused(caller=msg.sender)


@external
def unpause():
    """
    @notice Allows createEscrow again. Owner only.
    """
    ownership._check_owner()
    self.paused = False
    log Unpaused(caller=msg.sender)


@external
@view
def isTokenSupported(token: address) -> bool:
    """
    @notice Whether new escrows may use a token; the same as supportedTokens.
    @param token The token.
    @return True while it may be used.
    """
    return self.supportedTokens[token]


@internal
def _set_treasury(treasury: address):
    assert treasury != empty(address) and treasury != self, "bad treasury"
    log TreasuryChanged(previous=self.treasury, treasury=treasury)
    self.treasury = treasury


@internal
def _set_resolver(resolver: address):
    assert resolver != empty(address), "resolver is zero"
    log ResolverChanged(previous=self.resolver, resolver=resolver)
    self.resolver = resolver


@internal
def _set_score(score: address):
    log ScoreChanged(previous=self.score, score=score)
    self.score = score


@internal
def _set_token(token: address, supported: bool):
    assert token != empty(address), "token is zero"
    self.supportedTokens[token] = supported
    log TokenSupportChanged(token=token, supported=supported)
