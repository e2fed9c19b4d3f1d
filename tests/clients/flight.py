"""One flight by a client in Python, against the built binary and the simulator.

The client acts as backend and as app: it registers a device and its tokens, starts an activity by push, streams
updates, watches the activity until it has ended, and looks at the phone's screen. Exits with 1 where that is wrong.
"""

import json
import sys
import tempfile
import threading

import grpc

import processes
import stubs

stubs.generate()

# Generated a moment ago, and so importable only now.
from tidings.simulator.v1 import phone_pb2, simulator_service_pb2, simulator_service_pb2_grpc  # noqa: E402
from tidings.v1 import app_service_pb2, app_service_pb2_grpc  # noqa: E402
from tidings.v1 import device_pb2, device_service_pb2, device_service_pb2_grpc  # noqa: E402
from tidings.v1 import live_activity_pb2 as activity_pb2  # noqa: E402
from tidings.v1 import live_activity_service_pb2 as service_pb2  # noqa: E402
from tidings.v1 import live_activity_service_pb2_grpc as service_grpc  # noqa: E402

BUNDLE = "com.example.flights"
TYPE = "flight_status"
ACTIVITY = "FLIGHT_1711"
DEVICE = "ayse-iphone"
UPDATES = 50
SECONDS = 60


def check(fact: bool, what: str) -> None:
    """Prints a fact that holds, and ends the test at one that does not."""
    if not fact:
        raise AssertionError(what)
    print(f"ok: {what}")


class Watch(threading.Thread):
    """Reads WatchActivity until the server ends it."""

    def __init__(self, activities, metadata):
        super().__init__(daemon=True)
        self.seen: list[tuple[int, int]] = []
        self.error: grpc.RpcError | None = None
        request = service_pb2.WatchActivityRequest(activity_id=ACTIVITY)
        self.stream = activities.WatchActivity(request, metadata=metadata, timeout=SECONDS)
        self.start()

    def run(self) -> None:
        try:
            for message in self.stream:
                self.seen.append((message.activity.revision, message.activity.state))
        except grpc.RpcError as error:
            self.error = error

    def finish(self) -> None:
        self.join(SECONDS)
        check(not self.is_alive() and self.error is None, f"the watch ended by itself ({self.error})")
        revisions = [revision for revision, _ in self.seen]
        check(revisions == sorted(revisions), f"the watch saw revisions in order: {revisions}")
        ended = self.seen[-1][1] == activity_pb2.ACTIVITY_STATE_ENDED
        check(ended, "the watch's last message says that the activity ended")


def make_phone(simulator) -> phone_pb2.Phone:
    """A phone whose app can draw flights; it does not talk to Tidings, for this client does."""
    template = phone_pb2.Template(
        activity_type=TYPE,
        content=[phone_pb2.Field(name="status", kind=phone_pb2.FIELD_KIND_STRING)],
    )
    spec = phone_pb2.PhoneSpec(
        device_id=DEVICE,
        bundle_id=BUNDLE,
        os_version="18.2",
        form_factor=phone_pb2.FORM_FACTOR_PHONE,
        world=phone_pb2.WORLD_SANDBOX,
        templates=[template],
    )
    request = simulator_service_pb2.CreatePhoneRequest(spec=spec)
    return simulator.CreatePhone(request, timeout=SECONDS).phone


def screen(simulator, phone_id: str, wanted) -> phone_pb2.Card:
    """Waits until the newest card of the phone is as wanted."""
    request = simulator_service_pb2.WatchPhonesRequest(phone_ids=[phone_id])
    watch = simulator.WatchPhones(request, timeout=SECONDS)
    for message in watch:
        if message.phone.cards and wanted(message.phone.cards[-1]):
            watch.cancel()
            return message.phone.cards[-1]
    raise AssertionError("the simulator stopped talking about the phone")


def register_device(channel, metadata, credential) -> str:
    """Makes the app, its credential and the device known; returns the app's id."""
    apps = app_service_pb2_grpc.AppServiceStub(channel)
    request = app_service_pb2.CreateAppRequest(
        name="Flights",
        platform=device_pb2.PLATFORM_IOS,
        bundle_id=BUNDLE,
        default_environment=device_pb2.APNS_ENVIRONMENT_SANDBOX,
    )
    app_id = apps.CreateApp(request, metadata=metadata, timeout=SECONDS).app.app_id
    request = app_service_pb2.CreateCredentialRequest(
        app_id=app_id,
        apns_key_p8=credential.key_p8,
        key_id=credential.key_id,
        team_id=credential.team_id,
    )
    apps.CreateCredential(request, metadata=metadata, timeout=SECONDS)
    request = device_service_pb2.RegisterDeviceRequest(
        device_id=DEVICE,
        app_id=app_id,
        contact_key="ayse",
        platform=device_pb2.PLATFORM_IOS,
        form_factor=device_pb2.FORM_FACTOR_PHONE,
        os_version="18.2",
    )
    devices = device_service_pb2_grpc.DeviceServiceStub(channel)
    created = devices.RegisterDevice(request, metadata=metadata, timeout=SECONDS).created
    check(created, "the device was registered")
    return app_id


def start(channel, metadata) -> None:
    """Starts the activity, and again with the same request id."""
    activities = service_grpc.LiveActivityServiceStub(channel)
    request = service_pb2.StartActivityRequest(
        request_id="start-1",
        activity_id=ACTIVITY,
        activity_type=TYPE,
        audience=service_pb2.Audience(contact_keys=["ayse"]),
        alert=activity_pb2.Alert(title="TK1983", body="Istanbul to London"),
    )
    request.content_state.update({"status": "Scheduled"})
    first = activities.StartActivity(request, metadata=metadata, timeout=SECONDS)
    check(first.activity.run == 1, "the activity started its first run")
    again = activities.StartActivity(request, metadata=metadata, timeout=SECONDS)
    same = again.activity.revision == first.activity.revision
    check(again.replayed and same, "the same start again changed nothing")


def register_update_token(channel, metadata, card: phone_pb2.Card) -> None:
    """What the app does when its card has got a token."""
    request = device_service_pb2.RegisterTokenRequest(
        device_id=DEVICE,
        kind=device_pb2.TOKEN_KIND_UPDATE,
        token=card.update_token,
        activity_id=card.activity_id,
        run=card.run,
        device_activity_id=card.card_id,
    )
    devices = device_service_pb2_grpc.DeviceServiceStub(channel)
    answer = devices.RegisterToken(request, metadata=metadata, timeout=SECONDS)
    check(answer.activity_id == ACTIVITY, "the card's token was taken for the activity")


def stream_updates(activities, metadata) -> None:
    """Many updates and one for an activity that is not there, on one stream."""

    def items():
        for sequence in range(1, UPDATES + 1):
            item = service_pb2.StreamUpdatesRequest(sequence=sequence)
            item.update.request_id = f"update-{sequence}"
            item.update.activity_id = "FLIGHT_NOWHERE" if sequence == 25 else ACTIVITY
            item.update.content_state.update({"status": f"Minute {sequence}"})
            yield item

    answers = list(activities.StreamUpdates(items(), metadata=metadata, timeout=SECONDS))
    check(len(answers) == UPDATES, f"{UPDATES} items were answered")
    refused = [answer for answer in answers if answer.WhichOneof("result") == "error"]
    only = [answer.sequence for answer in refused] == [25]
    check(only and refused[0].error.code == grpc.StatusCode.NOT_FOUND.value[0], "only item 25 was refused")
    taken = sorted((answer.sequence, answer.update.revision) for answer in answers if answer not in refused)
    revisions = [revision for _, revision in taken]
    check(revisions == sorted(set(revisions)), "each item got a revision of its own, in order")


def end(activities, metadata) -> None:
    """Ends the activity with its final state."""
    request = service_pb2.EndActivityRequest(request_id="end-1", activity_id=ACTIVITY)
    request.content_state.update({"status": "Landed"})
    answer = activities.EndActivity(request, metadata=metadata, timeout=SECONDS)
    check(answer.run == 1, "the end was accepted")


def fly(folder: str) -> None:
    """The whole flight."""
    control, address = processes.free_address(), processes.free_address()
    with processes.simulator(folder, control) as apns:
        simulator = simulator_service_pb2_grpc.SimulatorServiceStub(processes.connected(control, apns))
        info = simulator.GetInfo(simulator_service_pb2.GetInfoRequest(), timeout=SECONDS)
        with processes.server(folder, address, info) as server:
            key = server.wait_for(processes.KEY)
            metadata = (("authorization", f"Bearer {key}"),)
            channel = processes.connected(address, server)
            activities = service_grpc.LiveActivityServiceStub(channel)

            phone = make_phone(simulator)
            register_device(channel, metadata, info.credential)
            request = device_service_pb2.RegisterTokenRequest(
                device_id=DEVICE,
                kind=device_pb2.TOKEN_KIND_PUSH_TO_START,
                token=phone.start_tokens[0].token,
                activity_type=TYPE,
            )
            devices = device_service_pb2_grpc.DeviceServiceStub(channel)
            devices.RegisterToken(request, metadata=metadata, timeout=SECONDS)

            start(channel, metadata)
            watch = Watch(activities, metadata)
            card = screen(simulator, phone.phone_id, lambda card: card.update_token)
            check(card.activity_id == ACTIVITY, "a push put the card on the phone's screen")
            register_update_token(channel, metadata, card)
            stream_updates(activities, metadata)
            end(activities, metadata)
            watch.finish()
            landed = screen(
                simulator,
                phone.phone_id,
                lambda card: json.loads(card.content_json).get("status") == "Landed",
            )
            check(landed.end_time.seconds > 0, "the phone shows the final state of an ended card")
            shown = [json.loads(state.content_json)["status"] for state in landed.shown]
            print(f"the phone showed: {' → '.join(shown)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="tidings-flight-") as temporary:
        try:
            fly(temporary)
        except (AssertionError, RuntimeError, grpc.RpcError) as error:
            sys.exit(f"the flight failed: {error!r}")
