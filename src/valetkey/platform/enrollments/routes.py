"""Routes of enrolments."""

from valetkey.core.api_key import Scope
from valetkey.core.refusal import Code
from valetkey.platform.enrollments import service
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.wire.enrollment import (
    EnrolledRotationRequest,
    EnrolledSession,
    EnrolledSessionRequest,
    EnrollmentView,
    EnrollRequest,
)
from valetkey.wire.http import API_PREFIX

ENROLLMENTS = f"{API_PREFIX}/enrollments"


async def enroll(call: Call) -> EnrollmentView:
    return await service.enroll(call.platform, call.body(EnrollRequest))


async def show(call: Call) -> EnrollmentView:
    return await service.show(call, call.path("code"))


async def create(call: Call) -> EnrolledSession:
    return await service.create(call, call.path("code"), call.body(EnrolledSessionRequest))


async def rotate(call: Call) -> EnrolledSession:
    return await service.rotate(call, call.path("code"), call.body(EnrolledRotationRequest))


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=ENROLLMENTS,
        handler=enroll,
        summary="Register public keys that a delegate made for itself, signed by them; it waits for an owner",
        takes=EnrollRequest,
        gives=EnrollmentView,
        access=Access.PUBLIC,
        limit=Limit.ENROLL,
        status=201,
        remembers=False,
    ),
    Endpoint(
        method="GET",
        path=ENROLLMENTS + "/{code}",
        handler=show,
        summary="An enrolment, to any owner, and with its sealed token to the delegate who signs for it",
        gives=EnrollmentView,
        access=Access.OPEN,
        limit=Limit.PUBLIC,
    ),
    Endpoint(
        method="POST",
        path=ENROLLMENTS + "/{code}/session",
        handler=create,
        summary="Make a session for the keys of an enrolment; its token is sealed to the delegate",
        takes=EnrolledSessionRequest,
        gives=EnrolledSession,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
        owner_code=Code.SESSION_CANNOT_DELEGATE,
        status=201,
    ),
    Endpoint(
        method="POST",
        path=ENROLLMENTS + "/{code}/rotation",
        handler=rotate,
        summary="Put a session for the keys of an enrolment in the place of one",
        takes=EnrolledRotationRequest,
        gives=EnrolledSession,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
        owner_code=Code.SESSION_CANNOT_DELEGATE,
        status=201,
    ),
]
