"""Keeps one Live Activity true: starts it, streams what changes, watches it, and ends it.

Ends with exit code 1 where the server answers anything else than a flight needs.
"""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator

import grpc
from google.protobuf.struct_pb2 import Struct

import calls
from tidings.v1 import live_activity_pb2 as activity_pb2
from tidings.v1 import live_activity_service_pb2 as service_pb2
from tidings.v1.live_activity_service_pb2_grpc import LiveActivityServiceStub

FLIGHT_SECONDS = 120


class WrongAnswer(Exception):
    """The server answered, but not what a flight needs."""


async def fly() -> None:
    """The whole flight."""
    activity_id = f"FLIGHT_{uuid.uuid4().hex}"
    async with calls.connect() as channel:
        activities = LiveActivityServiceStub(channel)
        await start(activities, activity_id)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch(activities, activity_id))
            await mistake(activities, activity_id)
            await stream_updates(activities, changes(activity_id))
            await end(activities, activity_id)


async def start(activities: LiveActivityServiceStub, activity_id: str) -> None:
    """Puts the flight on every device of one person."""
    request = service_pb2.StartActivityRequest(
        # What the call is about, not a random number: a program that was restarted repeats it too.
        request_id=f"{activity_id}/start",
        activity_id=activity_id,
        activity_type="flight_status",
        attributes=content(flight="TK1985"),
        content_state=content(status="Scheduled"),
        audience=service_pb2.Audience(contact_keys=[os.environ.get("TIDINGS_CONTACT", "ayse")]),
        alert=activity_pb2.Alert(title="TK1985", body="Istanbul to London"),
    )
    answer = await calls.call(activities.StartActivity, request)
    print(f"started {activity_id}: run {answer.activity.run}, replayed {str(answer.replayed).lower()}")


async def mistake(activities: LiveActivityServiceStub, activity_id: str) -> None:
    """Shows what a refused call says: its reason, and every field that is wrong."""
    request = service_pb2.UpdateActivityRequest(
        request_id=f"{activity_id}/mistake",
        activity_id=activity_id,
        content_state=content(status="Boarding"),
        content_state_json="{}",
        alert=activity_pb2.Alert(title="x" * 300),
    )
    try:
        await calls.call(activities.UpdateActivity, request)
    except grpc.aio.AioRpcError as error:
        status = calls.status_of(error)
        if error.code() != grpc.StatusCode.INVALID_ARGUMENT or len(calls.violations(status)) < 2:
            raise
        print(f"refused, as it should be: {calls.describe(status)}")
    else:
        raise WrongAnswer("a wrong update was accepted")


def changes(activity_id: str) -> list[service_pb2.StreamUpdatesRequest]:
    """What happens to the flight, and a change of one that nobody started."""
    planned = [
        (activity_id, "Gate B12"),
        (activity_id, "Boarding"),
        (f"{activity_id}_NOWHERE", "Boarding"),
        (activity_id, "Departed"),
    ]
    return [
        service_pb2.StreamUpdatesRequest(
            sequence=sequence,
            update=service_pb2.UpdateActivityRequest(
                request_id=f"{activity_id}/change/{sequence}", activity_id=changed, content_state=content(status=status)
            ),
        )
        for sequence, (changed, status) in enumerate(planned, start=1)
    ]


async def stream_updates(
    activities: LiveActivityServiceStub, items: list[service_pb2.StreamUpdatesRequest]
) -> None:
    """Sends the items on one stream, and those without an answer again where it breaks."""
    unanswered = {item.sequence: item for item in items}

    async def requests() -> AsyncIterator[service_pb2.StreamUpdatesRequest]:
        for item in list(unanswered.values()):
            yield item

    attempt = 1
    while unanswered:
        stream = activities.StreamUpdates(requests(), metadata=calls.metadata(), timeout=calls.STREAM_SECONDS)
        try:
            async for answer in stream:
                unanswered.pop(answer.sequence)
                show(answer)
        except grpc.aio.AioRpcError as error:
            await calls.pause_or_raise(error, attempt)
        else:
            if unanswered:
                raise WrongAnswer(f"the server left {len(unanswered)} items unanswered")
        attempt += 1


def show(answer: service_pb2.StreamUpdatesResponse) -> None:
    """Prints what became of an item."""
    if answer.WhichOneof("result") == "error":
        # One bad item does not end the stream; it has the very status of a call.
        print(f"change {answer.sequence} was refused: {calls.describe(answer.error)}")
    else:
        print(f"change {answer.sequence}: revision {answer.update.revision}")


async def end(activities: LiveActivityServiceStub, activity_id: str) -> None:
    """Lands the flight; its card stays for 15 minutes."""
    request = service_pb2.EndActivityRequest(
        request_id=f"{activity_id}/end", activity_id=activity_id, content_state=content(status="Landed")
    )
    request.dismissal.after.FromSeconds(15 * 60)
    answer = await calls.call(activities.EndActivity, request)
    print(f"ended: revision {answer.revision}, off the screen at {answer.dismiss_time.ToJsonString()}")


async def watch(activities: LiveActivityServiceStub, activity_id: str) -> None:
    """Follows the activity until it has ended and every end has settled."""
    request = service_pb2.WatchActivityRequest(activity_id=activity_id)
    state, attempt = activity_pb2.ACTIVITY_STATE_UNSPECIFIED, 1
    while True:
        try:
            async for message in activities.WatchActivity(request, metadata=calls.metadata()):
                state = message.activity.state
                print(f"seen: revision {message.activity.revision}, {progress(message.progress)}")
            break
        except grpc.aio.AioRpcError as error:
            # A broken watch is called again: its first message is the present state.
            await calls.pause_or_raise(error, attempt)
        attempt += 1
    if state != activity_pb2.ACTIVITY_STATE_ENDED:
        raise WrongAnswer("the watch ended before the activity")
    print("the flight has landed on every device that could be reached")


def progress(counts: activity_pb2.Progress) -> str:
    """How far the newest revision has come, over all routes."""
    accepted = sum(route.accepted for route in counts.routes)
    pending = sum(route.pending for route in counts.routes)
    return f"{accepted} accepted, {pending} pending"


def content(**values: str) -> Struct:
    """A JSON object."""
    struct = Struct()
    struct.update(values)
    return struct


def main() -> None:
    """Flies, within its time."""
    try:
        asyncio.run(asyncio.wait_for(fly(), FLIGHT_SECONDS))
    except* grpc.aio.AioRpcError as errors:
        first = errors.exceptions[0]
        sys.exit(f"the flight failed: {calls.describe(calls.status_of(first))}")
    except* (WrongAnswer, TimeoutError) as errors:
        sys.exit(f"the flight failed: {errors.exceptions[0]!r}")


if __name__ == "__main__":
    main()
