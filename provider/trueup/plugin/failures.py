"""How a failed call ends: the state that the engine must keep, and one sentence for the user.

A clean failure has a status code meaning that nothing changed. A partial change is returned with its id and state,
since the engine would otherwise lose it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as Packed
from pulumi.runtime.proto import provider_pb2, status_pb2

from trueup.core.errors import (
    ApiError,
    Forbidden,
    NetworkError,
    NotFound,
    Refused,
    SecretError,
    Stopped,
    TrueupError,
    Unauthorized,
    Unavailable,
    UsageError,
)
from trueup.core.secrets import scrub
from trueup.plugin.codec import encode
from trueup.report.reasons import PULUMI, explained

if TYPE_CHECKING:
    from grpc.aio import ServicerContext


_CODES: Final = (
    (Unauthorized, grpc.StatusCode.PERMISSION_DENIED),
    (Forbidden, grpc.StatusCode.PERMISSION_DENIED),
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
    (Stopped, grpc.StatusCode.UNAVAILABLE),
    (Refused, grpc.StatusCode.INVALID_ARGUMENT),
    (UsageError, grpc.StatusCode.INVALID_ARGUMENT),
    (SecretError, grpc.StatusCode.INVALID_ARGUMENT),
    (NetworkError, grpc.StatusCode.INVALID_ARGUMENT),
)


@dataclass
class InPart(Exception):
    """A failure after a resource was created or changed: the engine keeps its state and shows the reasons."""

    id: str
    state: dict[str, Any]
    inputs: dict[str, Any]
    reasons: list[str] = field(default_factory=list)


def why(error: BaseException) -> str:
    """Return an error as Pulumi users read it: the problem, the remedy and the error code."""
    if not isinstance(error, TrueupError):
        return f"unexpected {type(error).__name__}; this is a bug in trueup. (E999)"
    reference = error.reference if isinstance(error, ApiError) else ""
    code = f"({error.code}, {reference})" if reference else f"({error.code})"
    return scrub(" ".join(part for part in (*explained(error, PULUMI), code) if part))


async def abort(context: ServicerContext[Any, Any], error: BaseException) -> NoReturn:
    """End a call with that error."""
    if isinstance(error, InPart):
        await _in_part(context, error)
    code = grpc.StatusCode.INTERNAL
    if isinstance(error, TrueupError):
        code = next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.FAILED_PRECONDITION)
        if error.maybe:
            code = grpc.StatusCode.UNKNOWN
    await context.abort(code, why(error))


async def _in_part(context: ServicerContext[Any, Any], error: InPart) -> NoReturn:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.id,
        properties=encode(error.state),
        inputs=encode(error.inputs),
        reasons=[scrub(reason) for reason in error.reasons],
    )
    packed = Packed()
    packed.Pack(detail)
    message = scrub(" ".join(error.reasons))
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
    await context.abort(
        grpc.StatusCode.UNKNOWN, message, trailing_metadata=(("grpc-status-details-bin", status.SerializeToString()),)
    )
