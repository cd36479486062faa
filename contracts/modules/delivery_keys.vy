# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Keys that may deliver for a seller
@license Apache-2.0
@notice A seller lets a key say that something was delivered, until a time it chose. The key can do nothing else:
        proceeds always go to the seller.
"""


event DeliveryAuthorized:
    seller: indexed(address)
    key: indexed(address)
    authorizedUntil: uint256


deliveryAuthorizedUntil: public(HashMap[address, HashMap[address, uint256]])


@external
def authorizeDelivery(key: address, authorizedUntil: uint256):
    """
    @notice Lets `key` call submitDelivery for all of the caller's sales while block.timestamp < authorizedUntil.
            The key can do nothing else: proceeds always go to the seller.
    @param key Not zero.
    @param authorizedUntil Unix seconds; 0 (or any past time) revokes at once.
    """
    assert key != empty(address), "key is zero"
    self.deliveryAuthorizedUntil[msg.sender][key] = authorizedUntil
    log DeliveryAuthorized(seller=msg.sender, key=key, authorizedUntil=authorizedUntil)


@external
@view
def canDeliver(seller: address, key: address) -> bool:
    """
    @notice Whether `key` may submit deliveries of `seller` in this block.
    @param seller Whose sales.
    @param key The seller itself, or a key that it authorised.
    @return True while it may.
    """
    return self._can_deliver(seller, key)


@internal
@view
def _can_deliver(seller: address, key: address) -> bool:
    return key == seller or block.timestamp < self.deliveryAuthorizedUntil[seller][key]
