# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The x402 contract of channels (scheme "batch-settlement"), for tests
@license Apache-2.0
@notice Written from the scheme's specification and the ABI of the official package: deposits, claims by cumulative
        vouchers, settlement, refunds by the receiver's authorizer, and the payer's withdrawal after a delay. Accounts
        with keys only. Its code is placed at the address that every client knows.
"""
from ethereum.ercs import IERC20


interface Collector:
    def collect(payer: address, token: address, amount: uint256, channel_id: bytes32, data: Bytes[512]): nonpayable


struct ChannelConfig:
    payer: address
    payerAuthorizer: address
    receiver: address
    receiverAuthorizer: address
    token: address
    withdrawDelay: uint40
    salt: bytes32


struct Voucher:
    channel: ChannelConfig
    maxClaimableAmount: uint128


struct VoucherClaim:
    voucher: Voucher
    signature: Bytes[65]
    totalClaimed: uint128


struct Channel:
    balance: uint128
    totalClaimed: uint128


struct Withdrawal:
    amount: uint128
    initiatedAt: uint40


struct Receiver:
    totalClaimed: uint128
    totalSettled: uint128


event Settled:
    receiver: indexed(address)
    token: indexed(address)
    sender: indexed(address)
    amount: uint128


CLAIMS_MAX: constant(uint256) = 8
MIN_DELAY: constant(uint40) = 900
MAX_DELAY: constant(uint40) = 2_592_000
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
CONFIG_TYPE: constant(bytes32) = keccak256(
    "ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,uint40 withdrawDelay,bytes32 salt)"
)
VOUCHER_TYPE: constant(bytes32) = keccak256("Voucher(bytes32 channelId,uint128 maxClaimableAmount)")
REFUND_TYPE: constant(bytes32) = keccak256("Refund(bytes32 channelId,uint256 nonce,uint128 amount)")
ENTRY_TYPE: constant(bytes32) = keccak256(
    "ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
)
BATCH_TYPE: constant(bytes32) = keccak256(
    "ClaimBatch(ClaimEntry[] claims)ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
)

channels: public(HashMap[bytes32, Channel])
pendingWithdrawals: public(HashMap[bytes32, Withdrawal])
receivers: public(HashMap[address, HashMap[address, Receiver]])
refundNonce: public(HashMap[bytes32, uint256])


@external
def multicall(data: DynArray[Bytes[4_096], 4]) -> DynArray[Bytes[32], 4]:
    """
    @notice Several calls of the sender's in one.
    """
    results: DynArray[Bytes[32], 4] = []
    for one: Bytes[4_096] in data:
        results.append(raw_call(self, one, max_outsize=32, is_delegate_call=True))
    return results


@external
def deposit(config: ChannelConfig, amount: uint128, collector: address, collectorData: Bytes[512]):
    """
    @notice Bring a payer's money into its channel; anyone may send it.
    """
    assert config.payer != empty(address) and config.receiver != empty(address), "InvalidChannel"
    assert config.receiverAuthorizer != empty(address), "InvalidChannel"
    assert config.withdrawDelay >= MIN_DELAY and config.withdrawDelay <= MAX_DELAY, "WithdrawDelayOutOfRange"
    assert amount > 0, "ZeroDeposit"
    channel_id: bytes32 = self._id(config)
    before: uint256 = staticcall IERC20(config.token).balanceOf(self)
    extcall Collector(collector).collect(config.payer, config.token, convert(amount, uint256), channel_id, collectorData)
    came: uint256 = staticcall IERC20(config.token).balanceOf(self) - before
    assert came == convert(amount, uint256), "DepositCollectionFailed"
    self.channels[channel_id].balance += amount


@external
def claim(voucherClaims: DynArray[VoucherClaim, CLAIMS_MAX]):
    """
    @notice Count what vouchers allow as the receiver's, who or whose authorizer is the caller.
    """
    for one: VoucherClaim in voucherClaims:
        config: ChannelConfig = one.voucher.channel
        assert msg.sender in [config.receiver, config.receiverAuthorizer], "NotReceiverAuthorizer"
        self._claim(one)


@external
def claimWithSignature(voucherClaims: DynArray[VoucherClaim, CLAIMS_MAX], authorizerSignature: Bytes[65]):
    """
    @notice The same by the signature of the one authorizer of all; anyone may send it.
    """
    assert len(voucherClaims) > 0, "EmptyBatch"
    authorizer: address = voucherClaims[0].voucher.channel.receiverAuthorizer
    assert self._signer(self._batch_digest(voucherClaims), authorizerSignature) == authorizer, "InvalidSignature"
    for one: VoucherClaim in voucherClaims:
        assert one.voucher.channel.receiverAuthorizer == authorizer, "AuthorizerMismatch"
        self._claim(one)


@external
def settle(receiver: address, token: address):
    """
    @notice Pay out what was claimed for a receiver.
    """
    known: Receiver = self.receivers[receiver][token]
    amount: uint128 = known.totalClaimed - known.totalSettled
    if amount == 0:
        return
    self.receivers[receiver][token].totalSettled = known.totalClaimed
    assert extcall IERC20(token).transfer(receiver, convert(amount, uint256)), "TransferFailed"
    log Settled(receiver=receiver, token=token, sender=msg.sender, amount=amount)


@external
def initiateWithdraw(config: ChannelConfig, amount: uint128):
    """
    @notice The payer's way out: begins the delay in which vouchers can still be claimed.
    """
    assert msg.sender in [config.payer, config.payerAuthorizer], "NotPayer"
    channel_id: bytes32 = self._id(config)
    assert self.pendingWithdrawals[channel_id].initiatedAt == 0, "WithdrawalPending"
    known: Channel = self.channels[channel_id]
    assert amount > 0 and amount <= known.balance - known.totalClaimed, "InvalidAmount"
    self.pendingWithdrawals[channel_id] = Withdrawal(amount=amount, initiatedAt=convert(block.timestamp, uint40))


@external
def finalizeWithdraw(config: ChannelConfig):
    """
    @notice After the delay: what is left of what was asked for goes to the payer.
    """
    assert msg.sender in [config.payer, config.payerAuthorizer], "NotPayer"
    channel_id: bytes32 = self._id(config)
    pending: Withdrawal = self.pendingWithdrawals[channel_id]
    assert pending.initiatedAt != 0, "NoWithdrawal"
    assert block.timestamp >= convert(pending.initiatedAt + config.withdrawDelay, uint256), "WithdrawDelayNotElapsed"
    self.pendingWithdrawals[channel_id] = empty(Withdrawal)
    self._give_back(channel_id, config, pending.amount)


@external
def refund(config: ChannelConfig, amount: uint128):
    """
    @notice The receiver, or its authorizer, gives back what is unclaimed.
    """
    assert msg.sender in [config.receiver, config.receiverAuthorizer], "NotReceiverAuthorizer"
    self._refund(config, amount)


@external
def refundWithSignature(
    config: ChannelConfig, amount: uint128, nonce: uint256, receiverAuthorizerSignature: Bytes[65]
):
    """
    @notice The same by the authorizer's signature; anyone may send it.
    """
    channel_id: bytes32 = self._id(config)
    assert nonce == self.refundNonce[channel_id], "InvalidNonce"
    digest: bytes32 = self._refund_digest(channel_id, nonce, amount)
    assert self._signer(digest, receiverAuthorizerSignature) == config.receiverAuthorizer, "InvalidSignature"
    self._refund(config, amount)


@external
@view
def getChannelId(config: ChannelConfig) -> bytes32:
    return self._id(config)


@external
@view
def getVoucherDigest(channelId: bytes32, maxClaimableAmount: uint128) -> bytes32:
    return self._voucher_digest(channelId, maxClaimableAmount)


@external
@view
def getRefundDigest(channelId: bytes32, nonce: uint256, amount: uint128) -> bytes32:
    return self._refund_digest(channelId, nonce, amount)


@external
@view
def getClaimBatchDigest(voucherClaims: DynArray[VoucherClaim, CLAIMS_MAX]) -> bytes32:
    return self._batch_digest(voucherClaims)


@internal
def _claim(one: VoucherClaim):
    config: ChannelConfig = one.voucher.channel
    channel_id: bytes32 = self._id(config)
    known: Channel = self.channels[channel_id]
    if one.totalClaimed <= known.totalClaimed:
        return
    assert one.totalClaimed <= one.voucher.maxClaimableAmount, "ClaimExceedsVoucher"
    assert one.totalClaimed <= known.balance, "ClaimExceedsBalance"
    by: address = config.payerAuthorizer if config.payerAuthorizer != empty(address) else config.payer
    digest: bytes32 = self._voucher_digest(channel_id, one.voucher.maxClaimableAmount)
    assert self._signer(digest, one.signature) == by, "InvalidSignature"
    self.channels[channel_id].totalClaimed = one.totalClaimed
    self.receivers[config.receiver][config.token].totalClaimed += one.totalClaimed - known.totalClaimed


@internal
def _refund(config: ChannelConfig, amount: uint128):
    channel_id: bytes32 = self._id(config)
    self.refundNonce[channel_id] += 1
    back: uint128 = self._give_back(channel_id, config, amount)
    pending: Withdrawal = self.pendingWithdrawals[channel_id]
    if pending.amount <= back:
        self.pendingWithdrawals[channel_id] = empty(Withdrawal)
    else:
        self.pendingWithdrawals[channel_id].amount = pending.amount - back


@internal
def _give_back(channel_id: bytes32, config: ChannelConfig, amount: uint128) -> uint128:
    known: Channel = self.channels[channel_id]
    back: uint128 = min(amount, known.balance - known.totalClaimed)
    if back > 0:
        self.channels[channel_id].balance = known.balance - back
        assert extcall IERC20(config.token).transfer(config.payer, convert(back, uint256)), "TransferFailed"
    return back


@internal
@view
def _id(config: ChannelConfig) -> bytes32:
    return self._digest(keccak256(abi_encode(CONFIG_TYPE, config)))


@internal
@view
def _voucher_digest(channel_id: bytes32, amount: uint128) -> bytes32:
    return self._digest(keccak256(abi_encode(VOUCHER_TYPE, channel_id, amount)))


@internal
@view
def _refund_digest(channel_id: bytes32, nonce: uint256, amount: uint128) -> bytes32:
    return self._digest(keccak256(abi_encode(REFUND_TYPE, channel_id, nonce, amount)))


@internal
@view
def _batch_digest(claims: DynArray[VoucherClaim, CLAIMS_MAX]) -> bytes32:
    entries: DynArray[bytes32, CLAIMS_MAX] = []
    for one: VoucherClaim in claims:
        entries.append(
            keccak256(
                abi_encode(
                    ENTRY_TYPE, self._id(one.voucher.channel), one.voucher.maxClaimableAmount, one.totalClaimed
                )
            )
        )
    # Without the two words of offset and length: EIP-712 hashes an array's members alone.
    packed: Bytes[32 * CLAIMS_MAX + 64] = abi_encode(entries)
    members: bytes32 = keccak256(slice(packed, 64, 32 * len(entries)))
    return self._digest(keccak256(abi_encode(BATCH_TYPE, members)))


@internal
@view
def _digest(struct_hash: bytes32) -> bytes32:
    domain: bytes32 = keccak256(
        abi_encode(DOMAIN_TYPE, keccak256("x402 Batch Settlement"), keccak256("1"), chain.id, self)
    )
    return keccak256(concat(b"\x19\x01", domain, struct_hash))


@internal
@pure
def _signer(digest: bytes32, signature: Bytes[65]) -> address:
    assert len(signature) == 65, "InvalidSignatureLength"
    r: uint256 = extract32(signature, 0, output_type=uint256)
    s: uint256 = extract32(signature, 32, output_type=uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    found: address = ecrecover(digest, v, r, s)
    assert found != empty(address), "InvalidSignature"
    return found
