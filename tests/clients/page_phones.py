"""The phones behind the pages for app teams: what their placeholders stand for."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator

import grpc

import processes

from tidings.simulator.v1 import phone_pb2, simulator_service_pb2 as control_pb2
from tidings.simulator.v1.simulator_service_pb2_grpc import SimulatorServiceStub
from tidings.v1 import app_service_pb2 as app_pb2
from tidings.v1 import app_service_pb2_grpc, device_pb2

Words = dict[str, Callable[[], str]]

APP = "com.example.flights"
TYPE = "flight_status"
SECONDS = 60
STRING = phone_pb2.FIELD_KIND_STRING


class Phone:
    """A phone whose app draws flights and calls nobody: the page's requests are what it would say."""

    def __init__(self, simulator: SimulatorServiceStub, **more):
        self.simulator = simulator
        template = phone_pb2.Template(
            activity_type=TYPE,
            attributes_type="FlightAttributes",
            attributes=[phone_pb2.Field(name="flight", kind=STRING)],
            content=[phone_pb2.Field(name="status", kind=STRING)],
        )
        spec = phone_pb2.PhoneSpec(device_id="install-4711", bundle_id=APP, templates=[template], **more)
        self.phone = simulator.CreatePhone(control_pb2.CreatePhoneRequest(spec=spec), timeout=SECONDS).phone

    def changes(self) -> Iterator[phone_pb2.Phone]:
        """The phone as it is, and again after each change."""
        request = control_pb2.WatchPhonesRequest(phone_ids=[self.phone.phone_id])
        watch = self.simulator.WatchPhones(request, timeout=SECONDS)
        try:
            for message in watch:
                yield message.phone
        finally:
            watch.cancel()
        raise RuntimeError("the simulator stopped talking about the phone")


class Iphone(Phone):
    """An iPhone."""

    def __init__(self, simulator: SimulatorServiceStub):
        super().__init__(simulator, os_version="18.2", world=phone_pb2.WORLD_SANDBOX)

    def words(self) -> Words:
        """What the iOS page's placeholders stand for."""
        return {
            "<push-to-start token>": lambda: self.phone.start_tokens[0].token,
            "<device token>": lambda: self.phone.device_token,
            "<update token>": lambda: self.card(0).update_token,
            "<Activity.id>": lambda: self.card(0).card_id,
            "<next update token>": self.rotate,
            "<Activity.id of the app's own>": self.start,
            "<update token of the app's own>": lambda: self.card(1).update_token,
        }

    def card(self, number: int) -> phone_pb2.Card:
        """A card, as soon as it has a token."""
        cards = (phone.cards for phone in self.changes())
        return next(some[number] for some in cards if len(some) > number and some[number].update_token)

    def rotate(self) -> str:
        """The system replaces the token of the first card."""
        request = control_pb2.RotateTokenRequest(phone_id=self.phone.phone_id, card_id=self.card(0).card_id)
        return self.simulator.RotateToken(request, timeout=SECONDS).token

    def start(self) -> str:
        """The app starts a card itself."""
        request = control_pb2.StartActivityRequest(
            phone_id=self.phone.phone_id,
            activity_type=TYPE,
            attributes_json='{"flight": "TK1987"}',
            content_json='{"status": "On time"}',
        )
        return self.simulator.StartActivity(request, timeout=SECONDS).card_id

    def message(self, data: dict[str, str]) -> dict:
        """FCM brings nothing to an iPhone."""
        raise AssertionError(f"no message to an iPhone has {data}")

    @staticmethod
    def settings(info: control_pb2.GetInfoResponse) -> dict[str, str]:
        """Every server of these tests is pointed at the simulator's APNs."""
        return {}

    @staticmethod
    def app(info: control_pb2.GetInfoResponse) -> tuple[app_pb2.CreateAppRequest, app_pb2.CreateCredentialRequest]:
        """The app as Tidings gets to know it."""
        key = info.credential
        return (
            app_pb2.CreateAppRequest(name="Flights", platform=device_pb2.PLATFORM_IOS, bundle_id=APP),
            app_pb2.CreateCredentialRequest(apns_key_p8=key.key_p8, key_id=key.key_id, team_id=key.team_id),
        )


class AndroidPhone(Phone):
    """A phone with Android 16."""

    def __init__(self, simulator: SimulatorServiceStub):
        super().__init__(simulator, android=phone_pb2.AndroidSpec(api_level=36))

    def words(self) -> Words:
        """What the Android page's placeholders stand for."""
        return {"<FCM token>": lambda: self.phone.android.registration, "<next FCM token>": self.rotate}

    def rotate(self) -> str:
        """Google replaces the token."""
        request = control_pb2.RotateTokenRequest(phone_id=self.phone.phone_id)
        return self.simulator.RotateToken(request, timeout=SECONDS).token

    def message(self, data: dict[str, str]) -> dict:
        """The first message of that event and revision."""
        names = ("tidings_activity_id", "tidings_event", "tidings_revision")
        for _ in self.changes():
            request = control_pb2.ListFcmSendsRequest(phone_id=self.phone.phone_id)
            for send in self.simulator.ListFcmSends(request, timeout=SECONDS).sends:
                message = json.loads(send.body)["message"]
                if all(message["data"][name] == data[name] for name in names):
                    return message
        raise AssertionError("the simulator stopped talking about the phone")

    @staticmethod
    def settings(info: control_pb2.GetInfoResponse) -> dict[str, str]:
        """Points a server at the simulator's FCM."""
        return {"TIDINGS__FCM__BASE_URL": info.fcm_plain_url, "TIDINGS__FCM__TOKEN_URL": info.fcm_token_url}

    @staticmethod
    def app(info: control_pb2.GetInfoResponse) -> tuple[app_pb2.CreateAppRequest, app_pb2.CreateCredentialRequest]:
        """The app as Tidings gets to know it."""
        return (
            app_pb2.CreateAppRequest(
                name="Flights",
                platform=device_pb2.PLATFORM_ANDROID,
                package_name=APP,
                fcm_project_id=info.project_id,
            ),
            app_pb2.CreateCredentialRequest(service_account_json=info.service_account_json),
        )


PAGES = {"app-ios.md": Iphone, "app-android.md": AndroidPhone}


@dataclasses.dataclass
class World:
    """Where a page's requests go, and what its placeholders stand for."""

    channel: grpc.Channel
    key: str
    words: Words
    message: Callable[[dict[str, str]], dict]


@contextlib.contextmanager
def world(page: str, folder: str) -> Iterator[World]:
    """A server, a simulator and the phone of a page."""
    kind = PAGES[page]
    control, address = processes.free_address(), processes.free_address()
    with processes.simulator(folder, control) as providers:
        simulator = SimulatorServiceStub(processes.connected(control, providers))
        info = simulator.GetInfo(control_pb2.GetInfoRequest(), timeout=SECONDS)
        with processes.server(folder, address, info, kind.settings(info)) as server:
            key = server.wait_for(processes.KEY)
            channel = processes.connected(address, server)
            apps = app_service_pb2_grpc.AppServiceStub(channel)
            metadata = (("authorization", f"Bearer {key}"),)
            app, credential = kind.app(info)
            app_id = apps.CreateApp(app, metadata=metadata, timeout=SECONDS).app.app_id
            credential.app_id = app_id
            apps.CreateCredential(credential, metadata=metadata, timeout=SECONDS)
            phone = kind(simulator)
            yield World(channel, key, {"<app id>": lambda: app_id} | phone.words(), phone.message)
