"""The phones behind the pages for app teams: what their placeholders stand for."""

import contextlib
from collections.abc import Callable, Iterator

import grpc

import processes

from tidings.simulator.v1 import phone_pb2, simulator_service_pb2 as control_pb2
from tidings.simulator.v1.simulator_service_pb2_grpc import SimulatorServiceStub
from tidings.v1 import app_service_pb2, app_service_pb2_grpc, device_pb2

Words = dict[str, Callable[[], str]]

BUNDLE = "com.example.flights"
TYPE = "flight_status"
SECONDS = 60
STRING = phone_pb2.FIELD_KIND_STRING


class Iphone:
    """An iPhone whose app draws flights and calls nobody: the page's requests are what it would say."""

    def __init__(self, simulator: SimulatorServiceStub):
        self.simulator = simulator
        template = phone_pb2.Template(
            activity_type=TYPE,
            attributes_type="FlightAttributes",
            attributes=[phone_pb2.Field(name="flight", kind=STRING)],
            content=[phone_pb2.Field(name="status", kind=STRING)],
        )
        spec = phone_pb2.PhoneSpec(
            device_id="install-4711",
            bundle_id=BUNDLE,
            os_version="18.2",
            world=phone_pb2.WORLD_SANDBOX,
            templates=[template],
        )
        self.phone = simulator.CreatePhone(control_pb2.CreatePhoneRequest(spec=spec), timeout=SECONDS).phone

    def words(self) -> Words:
        """What the iOS page's placeholders stand for."""
        return {
            "<push-to-start token>": lambda: self.phone.start_tokens[0].token,
            "<update token>": lambda: self.card(0).update_token,
            "<Activity.id>": lambda: self.card(0).card_id,
            "<next update token>": self.rotate,
            "<Activity.id of the app's own>": lambda: self.start(),
            "<update token of the app's own>": lambda: self.card(1).update_token,
        }

    def card(self, number: int) -> phone_pb2.Card:
        """A card, as soon as it has a token."""
        request = control_pb2.WatchPhonesRequest(phone_ids=[self.phone.phone_id])
        watch = self.simulator.WatchPhones(request, timeout=SECONDS)
        for message in watch:
            cards = message.phone.cards
            if len(cards) > number and cards[number].update_token:
                watch.cancel()
                return cards[number]
        raise RuntimeError("the simulator stopped talking about the phone")

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


def ios_app(channel: grpc.Channel, metadata, credential: control_pb2.Credential) -> str:
    """Makes the app and its credential known; returns the app's id."""
    apps = app_service_pb2_grpc.AppServiceStub(channel)
    request = app_service_pb2.CreateAppRequest(name="Flights", platform=device_pb2.PLATFORM_IOS, bundle_id=BUNDLE)
    app_id = apps.CreateApp(request, metadata=metadata, timeout=SECONDS).app.app_id
    request = app_service_pb2.CreateCredentialRequest(
        app_id=app_id, apns_key_p8=credential.key_p8, key_id=credential.key_id, team_id=credential.team_id
    )
    apps.CreateCredential(request, metadata=metadata, timeout=SECONDS)
    return app_id


PAGES = ["app-ios.md"]


@contextlib.contextmanager
def world(page: str, folder: str) -> Iterator[tuple[grpc.Channel, str, Words]]:
    """A server, a simulator and the phone of a page."""
    control, address = processes.free_address(), processes.free_address()
    with processes.simulator(folder, control) as apns:
        simulator = SimulatorServiceStub(processes.connected(control, apns))
        info = simulator.GetInfo(control_pb2.GetInfoRequest(), timeout=SECONDS)
        with processes.server(folder, address, info) as server:
            key = server.wait_for(processes.KEY)
            channel = processes.connected(address, server)
            metadata = (("authorization", f"Bearer {key}"),)
            app_id = ios_app(channel, metadata, info.credential)
            yield channel, key, {"<app id>": lambda: app_id} | Iphone(simulator).words()
