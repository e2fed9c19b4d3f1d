"""The connection, deadlines, retries by `request_id`, and what an error says."""

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status.rpc_status import GRPC_DETAILS_METADATA_KEY

Response = TypeVar("Response")
Detail = TypeVar("Detail", bound=Message)

CALL_SECONDS = 5
STREAM_SECONDS = 30
ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.2


def connect() -> grpc.aio.Channel:
    """A channel to the server; without TLS, for the example talks to 127.0.0.1."""
    return grpc.aio.insecure_channel(os.environ.get("TIDINGS_ADDRESS", "127.0.0.1:50051"))


def metadata() -> grpc.aio.Metadata:
    """The key, which goes with every call and every stream."""
    key = os.environ.get("TIDINGS_KEY")
    if not key:
        sys.exit("TIDINGS_KEY is not set")
    return grpc.aio.Metadata(("authorization", f"Bearer {key}"))


async def call(method: Callable[..., Awaitable[Response]], request: Message) -> Response:
    """Repeats a call until another try would not change its answer; each try has a deadline of its own.

    That is safe because the request has a `request_id`: the server answers a repeat with the first answer.
    """
    attempt = 1
    while True:
        try:
            return await method(request, metadata=metadata(), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            await pause_or_raise(error, attempt)
        attempt += 1


async def pause_or_raise(error: grpc.aio.AioRpcError, attempt: int) -> None:
    """Waits before the next try, as long as the server asks or twice as long each time.

    Raises the error where a try more would change nothing.
    """
    status = status_of(error)
    passes = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    if attempt == ATTEMPTS or not (passes or reason(status) == "REQUEST_IN_PROGRESS"):
        raise error
    pause = FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(1, 2)
    if info := detail(status, error_details_pb2.RetryInfo):
        pause = info.retry_delay.ToTimedelta().total_seconds()
    print(f"trying again in {pause:.1f} s: {describe(status)}", file=sys.stderr)
    await asyncio.sleep(pause)


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The status with its details; without them where the error is not one of the server."""
    for key, value in error.trailing_metadata() or ():
        if key == GRPC_DETAILS_METADATA_KEY:
            return status_pb2.Status.FromString(value)
    return status_pb2.Status(code=error.code().value[0], message=error.details())


def describe(status: status_pb2.Status) -> str:
    """An error with its reason and every field that is wrong."""
    name = next(code.name for code in grpc.StatusCode if code.value[0] == status.code)
    lines = [f"{name} {reason(status)}: {status.message}"]
    lines += [f"  {violation.field}: {violation.description}" for violation in violations(status)]
    return "\n".join(lines)


def reason(status: status_pb2.Status) -> str:
    """Why the call was refused, as in docs/ERRORS.md."""
    info = detail(status, error_details_pb2.ErrorInfo)
    return info.reason if info else ""


def violations(status: status_pb2.Status) -> list[error_details_pb2.BadRequest.FieldViolation]:
    """Every field that is wrong."""
    bad_request = detail(status, error_details_pb2.BadRequest)
    return list(bad_request.field_violations) if bad_request else []


def detail(status: status_pb2.Status, kind: type[Detail]) -> Detail | None:
    """The first detail of that kind."""
    for packed in status.details:
        unpacked = kind()
        if packed.Unpack(unpacked):
            return unpacked
    return None
