# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title One owner, handed over in two steps
@license Apache-2.0
@notice The new owner has to accept, so that a typing error in an address cannot lose the contract. There is no
        way to renounce: a contract without an owner could never replace a dead resolver, and money in dispute
        would be stranded.
"""


event OwnershipTransferStarted:
    previousOwner: indexed(address)
    newOwner: indexed(address)


event OwnershipTransferred:
    previousOwner: indexed(address)
    newOwner: indexed(address)


owner: public(address)
pendingOwner: public(address)


@deploy
def __init__(owner: address):
    """
    @notice Sets the first owner, who needs not to accept.
    @param owner Not the zero address.
    """
    assert owner != empty(address), "owner is zero"
    self.owner = owner
    log OwnershipTransferred(previousOwner=empty(address), newOwner=owner)


@external
def transferOwnership(newOwner: address):
    """
    @notice Offers ownership to `newOwner`; nothing changes until it accepts. Owner only.
    @param newOwner Zero takes an offer back.
    """
    self._check_owner()
    self.pendingOwner = newOwner
    log OwnershipTransferStarted(previousOwner=self.owner, newOwner=newOwner)


@external
def acceptOwnership():
    """
    @notice Takes an offered ownership. Only the address it was offered to.
    """
    assert msg.sender == self.pendingOwner, "not the pending owner"
    previous: address = self.owner
    self.owner = msg.sender
    self.pendingOwner = empty(address)
    log OwnershipTransferred(previousOwner=previous, newOwner=msg.sender)


@internal
@view
def _check_owner():
    assert msg.sender == self.owner, "not the owner"
