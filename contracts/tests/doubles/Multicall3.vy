# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Multicall3, as much of it as x402 asks, for tests
@license Apache-2.0
@notice Several calls in one. Its code is placed at the address that every client knows.
"""

DATA_BYTES_MAX: constant(uint256) = 4_096


struct Call:
    target: address
    callData: Bytes[DATA_BYTES_MAX]


struct Result:
    success: bool
    returnData: Bytes[DATA_BYTES_MAX]


@external
def tryAggregate(requireSuccess: bool, calls: DynArray[Call, 8]) -> DynArray[Result, 8]:
    """
    @notice What each call answers; with `requireSuccess` one that reverts is the end of all.
    """
    results: DynArray[Result, 8] = []
    for one: Call in calls:
        success: bool = False
        answer: Bytes[DATA_BYTES_MAX] = b""
        success, answer = raw_call(one.target, one.callData, max_outsize=DATA_BYTES_MAX, revert_on_failure=False)
        assert success or not requireSuccess, "Multicall3: call failed"
        results.append(Result(success=success, returnData=answer))
    return results
