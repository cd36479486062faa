"""Routes of sessions."""

from valetkey.core.api_key import Scope
from valetkey.core.refusal import Code
from valetkey.platform.http import Access, Call, Endpoint, Reply
from valetkey.platform.limits import Limit
from valetkey.platform.room import Lane
from valetkey.platform.sessions import growing, refusals, replaying, service
from valetkey.wire.attenuation import AttenuateRequest
from valetkey.wire.http import API_PREFIX
from valetkey.wire.policies import DiffPoliciesRequest, PolicyDiff, ReplayRequest, ReplayView
from valetkey.wire.sessions import (
    CreatedSession,
    CreateSessionRequest,
    ExtendSessionRequest,
    FleetView,
    LabelPolicy,
    RecoveryBody,
    RefusalList,
    RefusalQuery,
    RevokedAll,
    RotateSessionRequest,
    SessionCounts,
    SessionListQuery,
    SessionPage,
    SessionTree,
    SessionView,
)

SESSION = f"{API_PREFIX}/agents/session"
SESSIONS = f"{API_PREFIX}/agents/sessions"
LABELS = f"{API_PREFIX}/agents/label-policy"

REVOKED_MESSAGE = (
    "The token is dead. The key of the session wallet can still sign on chain until the wallet is swept:"
    " reclaim what is in it."
)


async def create(call: Call) -> CreatedSession:
    return await service.create(call.platform, call.caller, call.body(CreateSessionRequest), call.remembering)


async def itself(call: Call) -> SessionView:
    return await service.itself(call.platform, call.caller)


async def show(call: Call) -> SessionView:
    return await service.show(call.platform, call.caller, call.path("id"))


async def listed(call: Call) -> SessionPage:
    return await service.listed(call.platform, call.caller, call.query(SessionListQuery))


async def counts(call: Call) -> SessionCounts:
    return await service.counts(call.platform, call.caller)


async def revoke(call: Call) -> Reply:
    return Reply(await service.revoke(call.platform, call.caller, call.path("id")), message=REVOKED_MESSAGE)


async def pause(call: Call) -> SessionView:
    return await service.pause(call.platform, call.caller, call.path("id"), paused=True)


async def resume(call: Call) -> SessionView:
    return await service.pause(call.platform, call.caller, call.path("id"), paused=False)


async def freeze(call: Call) -> FleetView:
    return await service.freeze(call.platform, call.caller, frozen=True)


async def thaw(call: Call) -> FleetView:
    return await service.freeze(call.platform, call.caller, frozen=False)


async def label_policy(call: Call) -> LabelPolicy:
    return await service.label_policy(call.platform, call.caller)


async def set_label_policy(call: Call) -> LabelPolicy:
    return await service.set_label_policy(call.platform, call.caller, call.body(LabelPolicy))


async def revoke_all(call: Call) -> Reply:
    return Reply(await service.revoke_all(call.platform, call.caller), message=REVOKED_MESSAGE)


async def extend(call: Call) -> SessionView:
    asked = call.body(ExtendSessionRequest)
    return await growing.extend(call.platform, call.caller, call.path("id"), asked)


async def rotate(call: Call) -> CreatedSession:
    asked = call.body(RotateSessionRequest)
    return await growing.rotate(call.platform, call.caller, call.path("id"), asked, call.remembering)


async def attenuate(call: Call) -> SessionTree:
    return await growing.attenuate(call.platform, call.body(AttenuateRequest))


async def tree(call: Call) -> SessionTree:
    return await growing.tree(call.platform, call.caller, call.path("id"))


async def refused(call: Call) -> RefusalList:
    return await refusals.listed(call.platform, call.caller, call.path("id"), call.query(RefusalQuery))


async def replay(call: Call) -> ReplayView:
    asked = call.body(ReplayRequest)
    return await replaying.replay_spends(call.platform, call.caller, call.path("id"), asked)


async def diff(call: Call) -> PolicyDiff:
    return replaying.diff_policies(call.body(DiffPoliciesRequest))


async def keep_recovery(call: Call) -> RecoveryBody:
    body = call.body(RecoveryBody)
    await service.keep_recovery(call.platform, call.caller, call.path("id"), body.recovery)
    return body


async def recovery(call: Call) -> RecoveryBody:
    return RecoveryBody(recovery=await service.recovery(call.platform, call.caller, call.path("id")))


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=SESSION,
        handler=create,
        summary="Make a session; its token is shown once",
        takes=CreateSessionRequest,
        gives=CreatedSession,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
        owner_code=Code.SESSION_CANNOT_DELEGATE,
        status=201,
        secret=True,
    ),
    Endpoint(
        method="POST",
        path=f"{SESSION}/attenuate",
        handler=attenuate,
        summary="Register child sessions by narrowings that their parents' session keys signed",
        takes=AttenuateRequest,
        gives=SessionTree,
        access=Access.PUBLIC,
        limit=Limit.PUBLIC,
        status=201,
        remembers=False,
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/self",
        handler=itself,
        summary="The session whose token calls",
        gives=SessionView,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="GET",
        path=SESSIONS,
        handler=listed,
        summary="The owner's sessions, newest first unless `sort` says otherwise; filters narrow them",
        query=SessionListQuery,
        gives=SessionPage,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="GET",
        path=f"{SESSIONS}/counts",
        handler=counts,
        summary="How many sessions of the owner have each status",
        gives=SessionCounts,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="GET",
        path=SESSION + "/{id}",
        handler=show,
        summary="One session of the owner",
        gives=SessionView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="DELETE",
        path=SESSION + "/{id}",
        handler=revoke,
        lane=Lane.STOP,
        summary="Revoke a session, by its owner or by its own token",
        gives=SessionView,
        scope=Scope.SESSIONS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=SESSION + "/{id}/extend",
        handler=extend,
        summary="Let a session live longer, spend more, or both",
        takes=ExtendSessionRequest,
        gives=SessionView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=SESSION + "/{id}/rotate",
        handler=rotate,
        summary="Put a session with new keys in the place of one; its token is shown once",
        takes=RotateSessionRequest,
        gives=CreatedSession,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
        owner_code=Code.SESSION_CANNOT_DELEGATE,
        status=201,
        secret=True,
    ),
    Endpoint(
        method="GET",
        path=SESSION + "/{id}/tree",
        handler=tree,
        summary="A session and all that were made out of it, each with what it spent, by its owner or its own token",
        gives=SessionTree,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="GET",
        path=SESSION + "/{id}/refusals",
        handler=refused,
        summary="What a session, and those made out of it, were refused lately, by its owner or its own token",
        query=RefusalQuery,
        gives=RefusalList,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="POST",
        path=SESSION + "/{id}/replay",
        handler=replay,
        summary="What other rules would have said to what a session spent; nothing is changed",
        takes=ReplayRequest,
        gives=ReplayView,
        access=Access.OWNER,
        scope=Scope.SPENDS_READ,
        limit=Limit.CHECKOUT,
        remembers=False,
    ),
    Endpoint(
        method="POST",
        path=f"{API_PREFIX}/policies/diff",
        handler=diff,
        summary="Which of two policies is wider, rule by rule",
        takes=DiffPoliciesRequest,
        gives=PolicyDiff,
        scope=Scope.SESSIONS_READ,
        remembers=False,
    ),
    Endpoint(
        method="PUT",
        path=SESSION + "/{id}/recovery",
        handler=keep_recovery,
        summary="Keep the owner's recovery copy of the session's keys: ciphertext",
        takes=RecoveryBody,
        gives=RecoveryBody,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
    ),
    Endpoint(
        method="GET",
        path=SESSION + "/{id}/recovery",
        handler=recovery,
        summary="The recovery copy",
        gives=RecoveryBody,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="POST",
        path=SESSION + "/{id}/pause",
        handler=pause,
        lane=Lane.STOP,
        summary="Pause a session: it buys nothing until it is resumed",
        gives=SessionView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=SESSION + "/{id}/resume",
        handler=resume,
        summary="Let a paused session go on",
        gives=SessionView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=f"{SESSIONS}/freeze",
        handler=freeze,
        lane=Lane.STOP,
        summary="Stop every session of the owner at once, those that are made meanwhile too",
        gives=FleetView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=f"{SESSIONS}/thaw",
        handler=thaw,
        summary="Let the owner's sessions go on; one that was paused by itself stays paused",
        gives=FleetView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=f"{SESSIONS}/revoke",
        handler=revoke_all,
        lane=Lane.STOP,
        summary="Revoke every session of the owner",
        gives=RevokedAll,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
    ),
    Endpoint(
        method="GET",
        path=LABELS,
        handler=label_policy,
        summary="Whether no two living sessions of the owner may have one label",
        gives=LabelPolicy,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="PUT",
        path=LABELS,
        handler=set_label_policy,
        summary="Set whether no two living sessions of the owner may have one label; those that do stay",
        takes=LabelPolicy,
        gives=LabelPolicy,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
    ),
]
