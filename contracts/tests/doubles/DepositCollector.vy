# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The x402 collector of deposits by EIP-3009, for tests
@license Apache-2.0
@notice Receives what a payer signed for one channel and hands it to the contract of channels. Its code is placed at the
        address that every client knows.
"""
from ethereum.ercs import IERC20


interface Receiving:
    def receiveWithAuthorization(
        from_: address,
        to: address,
        amount: uint256,
        validAfter: uint256,
        validBefore: uint256,
        nonce: bytes32,
        signature: Bytes[65],
    ): nonpayable


SETTLEMENT: constant(address) = 0x4020074e9dF2ce1deE5A9C1b5c3f541D02a10003


@external
def collect(payer: address, token: address, amount: uint256, channel_id: bytes32, data: Bytes[512]):
    """
    @notice The nonce that was signed binds the money to the channel and to one deposit.
    """
    assert msg.sender == SETTLEMENT, "OnlySettlement"
    valid_after: uint256 = 0
    valid_before: uint256 = 0
    salt: uint256 = 0
    signature: Bytes[65] = b""
    valid_after, valid_before, salt, signature = abi_decode(data, (uint256, uint256, uint256, Bytes[65]))
    nonce: bytes32 = keccak256(abi_encode(channel_id, salt))
    extcall Receiving(token).receiveWithAuthorization(
        payer, self, amount, valid_after, valid_before, nonce, signature
    )
    assert extcall IERC20(token).transfer(SETTLEMENT, amount), "TransferFailed"
