"""The door for wallets (EIP-4361): a message for the wallet in the browser, what it signed, and the address that signs
in once by the operator's key. A sitting that begins here has a key in this process's memory alone, which ends with it.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from valetkey.core.api_key import Scope
from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk.errors import TryLater
from valetkey.studio.gate import SIGN_IN
from valetkey.studio.sign_in_address import OneTime
from valetkey.studio.signing_in import NO_ANSWER, Door, fields_of, place_of
from valetkey.wire.sign_in import KEY_SECONDS_MAX, SignInCode

T = TypeVar("T")

MESSAGE, SIGNED, ONCE = f"{SIGN_IN}/message", f"{SIGN_IN}/wallet", f"{SIGN_IN}/once"
SIGNATURE_BYTES = 65

LOOK = (Scope.READ,)
OPERATE = (*LOOK, Scope.SESSIONS_WRITE)
APPROVE = (*OPERATE, Scope.SPENDS_APPROVE)
MAY = {"look": LOOK, "operate": OPERATE, "approve": APPROVE}
"""What a sitting may do, by the choice at the door."""

WORDS = {
    SignInCode.NO_ACCOUNT: "This wallet has no account at the platform. Register it there first.",
    SignInCode.WRONG_DOMAIN: "The platform takes no sign-in that is asked for under this address of the studio:"
    " whoever runs it allows it with VALETKEY_SIGN_IN_DOMAINS.",
    SignInCode.STALE: "That took too long. Try again.",
    SignInCode.UNKNOWN_NONCE: "The platform does not know what was signed any more. Try again.",
    SignInCode.REPLAYED: "That was signed and used before. Try again.",
    SignInCode.WRONG_SIGNER: "The wallet signed with another account than it showed.",
    "not_found": "This platform knows no sign-in by wallet: use an API key.",
    "method_not_allowed": "This platform knows no sign-in by wallet: use an API key.",
}
"""What the platform says, as whoever stands at the door hears it."""


class Shut(Exception):
    """Nobody is let in: why, and the status that says so."""

    def __init__(self, problem: str, status: int) -> None:
        super().__init__(problem)
        self.problem, self.status = problem, status


class WalletDoor:
    """What the script of the door asks for. Every answer is JSON: `problem`, or what was asked for."""

    def __init__(self, door: Door, one_time: OneTime) -> None:
        self._door, self._one_time, self._plan = door, one_time, door.plan

    def routes(self) -> list[Route]:
        """All three are POST, from a form of the door."""
        return [
            Route(MESSAGE, self._serve(self._message), methods=["POST"]),
            Route(SIGNED, self._serve(self._signed), methods=["POST"]),
            Route(ONCE, self._serve(self._once), methods=["POST"]),
        ]

    def _serve(
        self, answer: Callable[[Request, dict[str, str]], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def served(request: Request) -> Response:
            given = await fields_of(request)
            shut: Shut | None = None
            if told := self._door.closed(request, given):
                shut = Shut(*told)
            else:
                try:
                    return await answer(request, given)
                except Shut as told_shut:
                    shut = told_shut
                    self._door.count_failure()
            return JSONResponse({"problem": shut.problem}, shut.status, headers={"Cache-Control": "no-store"})

        return served

    async def _message(self, request: Request, given: dict[str, str]) -> Response:
        """What the wallet is asked to sign, for the choice of what the sitting may do."""
        scopes = MAY.get(given.get("may", ""))
        if scopes is None:
            raise Shut("Choose what you want to do here.", 400)
        agent = self._agent()
        try:
            chain = given.get("chain", "")
            message = await _told(
                agent.sign_in_message(
                    given.get("address", ""),
                    scopes=scopes,
                    expires_in=self._seconds,
                    domain=_host(request),
                    chain_id=int(chain)
                    if chain.isascii() and chain.isdecimal() and len(chain) < 18
                    else None,
                )
            )
        finally:
            await agent.close()
        return JSONResponse({"message": message}, headers={"Cache-Control": "no-store"})

    async def _signed(self, request: Request, given: dict[str, str]) -> Response:
        """The platform looks at everything in the message; this studio only carries it there."""
        agent = self._agent()
        is_in = False
        try:
            await _told(agent.sign_in_with(given.get("message", ""), _signature(given.get("signature", ""))))
            is_in = True
        finally:
            if not is_in:
                await agent.close()
        return await self._admitted(request, given, agent)

    async def _once(self, request: Request, given: dict[str, str]) -> Response:
        """The address that the studio printed when it was started."""
        key = self._one_time.take(given.get("token", ""))
        if key is None:
            raise Shut("This address opens nothing any more: it works once, and not for ever.", 401)
        is_in = False
        try:
            agent = await _told(
                AsyncBuyerAgent.sign_in(
                    key,
                    scopes=APPROVE,
                    expires_in=self._seconds,
                    domain=_host(request),
                    base_url=self._plan.base_url,
                    state_dir=self._plan.state_dir,
                )
            )
            answer = await self._admitted(request, given, agent)
            is_in = True
        finally:
            if not is_in:
                self._one_time.give_back()
        return answer

    async def _admitted(self, request: Request, given: dict[str, str], agent: AsyncBuyerAgent) -> Response:
        answer = JSONResponse({"place": place_of(given.get("next"))}, headers={"Cache-Control": "no-store"})
        await self._door.admit(request, await _told(self._door.owners.enter_signed(agent)), answer)
        return answer

    @property
    def _seconds(self) -> int:
        return min(self._plan.sitting_seconds, KEY_SECONDS_MAX)

    def _agent(self) -> AsyncBuyerAgent:
        return AsyncBuyerAgent(base_url=self._plan.base_url, state_dir=self._plan.state_dir)


async def _told(asking: Awaitable[T]) -> T:
    """What the platform answers. Raises Shut, in words."""
    try:
        return await asking
    except TryLater:
        shut = Shut(NO_ANSWER, 503)
    except InvalidInput as error:
        shut = Shut(f"That cannot be signed: {error}", 400)
    except ValetkeyError as error:
        shut = Shut(WORDS.get(error.code, f"The platform lets nobody in: {error}"), 401)
    raise shut


def _host(request: Request) -> str:
    """Under which name the browser reached the studio; the gate let it through, so it is one of ours."""
    return request.headers["host"].lower()


def _signature(text: str) -> bytes:
    """What the wallet answered. Raises Shut for what is not 65 bytes in hex."""
    raw = b""
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != SIGNATURE_BYTES:
        raise Shut(
            "The wallet answered no signature that proves its account: a wallet that is a contract has none.",
            400,
        )
    return raw
