"""The door: a form without a script, which takes an API key, and a form that ends a sitting.

The key goes into this process's memory. The browser gets a cookie that stands for it here, and is nothing elsewhere.
"""

import html
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from string import Template
from time import monotonic
from urllib.parse import parse_qs, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.sdk.errors import TryLater, Unauthenticated
from valetkey.studio.assets import asset_text, asset_url
from valetkey.studio.gate import SIGN_IN, SITTING
from valetkey.studio.owners import Owner, Owners
from valetkey.studio.plan import Plan
from valetkey.studio.sittings import COOKIE, Sitting, Sittings

FORM = "valetkey_studio_form"
"""The cookie that a form's hidden word is compared with before anybody is signed in."""

FAILURES_PER_MINUTE = 30
KEY_CHARS_MAX = 512
NO_ANSWER = "The platform does not answer. Try again in a moment."
END = {
    "out": "You are signed out.",
    "idle": "Signed out: nobody was here for a while.",
    "key": "The API key was taken back.",
}


class Door:
    """Signing in and out."""

    def __init__(
        self,
        plan: Plan,
        owners: Owners,
        sittings: Sittings,
        end: Callable[[Sitting, str], Awaitable[None]],
    ) -> None:
        self.plan, self.owners, self.sittings, self._end = plan, owners, sittings, end
        self._failures: deque[float] = deque(maxlen=FAILURES_PER_MINUTE)

    def routes(self) -> list[Route]:
        """What is reached without a page of NiceGUI's."""
        return [
            Route(SIGN_IN, self._show, methods=["GET"]),
            Route(SIGN_IN, self._sign_in, methods=["POST"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        if request.scope[SITTING] is not None:
            # An own fragment, even an empty one: browsers would carry along the token that is one.
            return RedirectResponse(f"{place_of(request.query_params.get('next'))}#", 303)
        return self._form(
            request.query_params.get("next"), END.get(request.query_params.get("ended", ""), ""), 200
        )

    async def _sign_in(self, request: Request) -> Response:
        given = await fields_of(request)
        wanted = given.get("next")
        if told := self.closed(request, given):
            return self._form(wanted, *told)
        problem, status = "", 401
        try:
            owner = await self.owners.enter(Secret(_key(given.get("key", ""))))
        except Unauthenticated:
            problem = "The platform does not know this API key."
        except TryLater:
            problem, status = NO_ANSWER, 503
        except ValetkeyError as error:
            problem, status = f"This key cannot look at sessions: {error}", 403
        if problem:
            self.count_failure()
            return self._form(wanted, problem, status)
        answer = RedirectResponse(place_of(wanted), 303)
        await self.admit(request, owner, answer)
        return answer

    def closed(self, request: Request, given: dict[str, str]) -> tuple[str, int] | None:
        """Why nobody signs in by this form, and the status that says so; None when somebody may try."""
        word, kept = given.get("form", ""), request.cookies.get(FORM, "")
        if not word or not secrets.compare_digest(word.encode(), kept.encode()):
            return "This form is no longer valid: load the page again.", 403
        if self._is_hammered() or self.sittings.is_full:
            return "Too many attempts: wait a minute.", 429
        return None

    def count_failure(self) -> None:
        """Somebody tried, and was not let in."""
        self._failures.append(monotonic())

    async def admit(self, request: Request, owner: Owner, answer: Response) -> None:
        """Begin a sitting of an owner in this browser, whose former one is over. The answer brings its cookie."""
        before = request.scope[SITTING]
        if before is not None:
            await self._end(before, "out")
        cookie, _ = self.sittings.begin(owner)
        self._set_cookie(answer, COOKIE, cookie, "/")
        answer.delete_cookie(FORM, path=SIGN_IN)

    async def _sign_out(self, request: Request) -> Response:
        sitting = request.scope[SITTING]
        given = await fields_of(request)
        if sitting is None or not secrets.compare_digest(
            given.get("form", "").encode(), sitting.form.encode()
        ):
            return Response("this form is not of your sitting", 403, media_type="text/plain")
        await self._end(sitting, "out")
        answer = RedirectResponse(f"{SIGN_IN}?ended=out", 303)
        answer.delete_cookie(COOKIE)
        return answer

    def _form(self, wanted: str | None, problem: str, status: int) -> Response:
        word = secrets.token_urlsafe(32)
        platform = urlsplit(self.plan.base_url).netloc
        page = Template(asset_text("sign_in.html")).substitute(
            tokens=asset_url("tokens.css"),
            style=asset_url("studio.css"),
            theme=asset_url("theme.js"),
            door=asset_url("door.js"),
            form=word,
            next=html.escape(place_of(wanted)),
            problem=html.escape(problem),
            said="" if problem else "hidden",
            platform=html.escape(platform),
        )
        answer = HTMLResponse(page, status, headers={"Cache-Control": "no-store"})
        self._set_cookie(answer, FORM, word, SIGN_IN)
        return answer

    def _set_cookie(self, answer: Response, name: str, value: str, path: str) -> None:
        secure = self.plan.secure
        answer.set_cookie(name, value, path=path, secure=secure, httponly=True, samesite="strict")

    def _is_hammered(self) -> bool:
        return len(self._failures) == FAILURES_PER_MINUTE and monotonic() - self._failures[0] < 60


async def fields_of(request: Request) -> dict[str, str]:
    """The members of a form, each once; nothing of what is no form."""
    try:
        body = await request.body()
    except ClientDisconnect:
        return {}
    try:
        found = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=8, errors="strict")
    except (ValueError, UnicodeDecodeError):
        return {}
    return {name: values[0] for name, values in found.items()}


def _key(text: str) -> str:
    """A key as people paste it. Raises InvalidInput for what cannot be one."""
    text = text.strip()
    if not text or len(text) > KEY_CHARS_MAX or not text.isascii() or not text.isprintable():
        raise InvalidInput("this is not an API key")
    return text


def place_of(wanted: str | None) -> str:
    """Where to go then: a page of ours, never another site."""
    if (
        not wanted
        or not wanted.startswith("/")
        or wanted.startswith(("//", "/\\"))
        or not wanted.isprintable()
    ):
        return "/"
    return wanted
