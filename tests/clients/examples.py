"""Runs the examples, as their READMEs say, against the built binary and a phone of the simulator.

Their first answer is lost on the way, so each has to repeat its start by `request_id`. Afterwards the phone has to show
what the example said last. With a wrong key each has to fail and say why.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import grpc

import flaky_proxy
import processes
import stubs

stubs.generate()

# Generated a moment ago, and so importable only now.
from tidings.simulator.v1 import phone_pb2, simulator_service_pb2, simulator_service_pb2_grpc  # noqa: E402
from tidings.v1 import app_service_pb2, app_service_pb2_grpc, device_pb2  # noqa: E402

EXAMPLES = processes.ROOT / "examples"
TOOLS = processes.ROOT / "target" / "tools"
BUNDLE = "com.example.flights"
TYPE = "flight_status"
SECONDS = 120
COMMANDS = {
    "go": ["go", "run", "."],
    "python": [str(TOOLS / "python" / "bin" / "python"), "flight.py"],
    "typescript": ["npm", "start", "--silent"],
}
# What each of them has to say; the name of a gRPC code is written as its language writes it.
FACTS = [
    r"^started FLIGHT_\w+: run 1, replayed true$",
    r"^refused, as it should be: invalid_?argument INVALID_REQUEST: ",
    r"^  content_state_json: ",
    r"^  alert.title: ",
    r"^change 1: revision 2$",
    r"^change 2: revision 3$",
    r"^change 3 was refused: not_?found NOT_FOUND: ",
    r"^change 4: revision 4$",
    r"^seen: revision \d+, \d+ accepted, \d+ pending$",
    r"^ended: revision 5, off the screen at 20\d\d-",
    r"^the flight has landed on every device that could be reached$",
]


class Backend:
    """A server with one app, and one phone that registers by itself."""

    def __init__(self, simulator, info, address: str, key: str, channel: grpc.Channel):
        self.simulator = simulator
        self.address = address
        self.key = key
        metadata = (("authorization", f"Bearer {key}"),)
        apps = app_service_pb2_grpc.AppServiceStub(channel)
        request = app_service_pb2.CreateAppRequest(
            name="Flights",
            platform=device_pb2.PLATFORM_IOS,
            bundle_id=BUNDLE,
            default_environment=device_pb2.APNS_ENVIRONMENT_SANDBOX,
        )
        app_id = apps.CreateApp(request, metadata=metadata, timeout=SECONDS).app.app_id
        credential = info.credential
        request = app_service_pb2.CreateCredentialRequest(
            app_id=app_id, apns_key_p8=credential.key_p8, key_id=credential.key_id, team_id=credential.team_id
        )
        apps.CreateCredential(request, metadata=metadata, timeout=SECONDS)
        template = phone_pb2.Template(
            activity_type=TYPE,
            attributes=[phone_pb2.Field(name="flight", kind=phone_pb2.FIELD_KIND_STRING)],
            content=[phone_pb2.Field(name="status", kind=phone_pb2.FIELD_KIND_STRING)],
        )
        spec = phone_pb2.PhoneSpec(
            device_id="ayse-iphone",
            app_id=app_id,
            bundle_id=BUNDLE,
            contact_key="ayse",
            os_version="18.2",
            world=phone_pb2.WORLD_SANDBOX,
            templates=[template],
            server_url=f"http://{address}",
            api_key=key,
        )
        created = simulator.CreatePhone(simulator_service_pb2.CreatePhoneRequest(spec=spec), timeout=SECONDS)
        self.phone_id = created.phone.phone_id

    def shown(self) -> str:
        """What the phone's newest card shows."""
        request = simulator_service_pb2.GetPhoneRequest(phone_id=self.phone_id)
        card = self.simulator.GetPhone(request, timeout=SECONDS).phone.cards[-1]
        return json.loads(card.content_json)["status"]


def run(language: str, address: str, key: str) -> subprocess.CompletedProcess:
    """Runs an example to its end."""
    environment = os.environ | {"TIDINGS_ADDRESS": address, "TIDINGS_KEY": key, "PYTHONPATH": "gen"}
    return subprocess.run(
        COMMANDS[language],
        cwd=EXAMPLES / language,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def check(language: str, backend: Backend) -> None:
    """One flight by an example, and what it has to have said and done."""
    with flaky_proxy.FlakyProxy(backend.address) as proxy:
        done = run(language, proxy.address, backend.key)
        broke = proxy.broke.is_set()
    said = f"{done.stdout}{done.stderr}"
    if done.returncode != 0 or not broke:
        raise AssertionError(f"{language}: exit code {done.returncode}, broken {broke}:\n{said}")
    missing = [fact for fact in FACTS if not re.search(fact, done.stdout, re.MULTILINE | re.IGNORECASE)]
    if missing:
        raise AssertionError(f"{language}: nothing like {missing}:\n{said}")
    if (shown := backend.shown()) != "Landed":
        raise AssertionError(f"{language}: the phone shows {shown!r}:\n{said}")
    print(f"ok: {language}: the flight landed, and its first answer was lost on the way")
    done = run(language, backend.address, f"{backend.key[:-1]}{'a' if backend.key[-1] != 'a' else 'b'}")
    if done.returncode == 0 or "KEY_INVALID" not in done.stderr:
        raise AssertionError(f"{language}: a wrong key went unnoticed:\n{done.stdout}{done.stderr}")
    print(f"ok: {language}: with a wrong key it fails and says why")


def fly(folder: str, languages: list[str]) -> None:
    """Each example on the same server."""
    key = subprocess.run([processes.BINARY, "keys", "generate"], capture_output=True, text=True, check=True)
    key = processes.KEY.search(key.stdout)[0]
    control, address = processes.free_address(), processes.free_address()
    with processes.simulator(folder, control) as apns:
        simulator = simulator_service_pb2_grpc.SimulatorServiceStub(processes.connected(control, apns))
        info = simulator.GetInfo(simulator_service_pb2.GetInfoRequest(), timeout=SECONDS)
        settings = {"TIDINGS__SECURITY__BOOTSTRAP_KEY": key}
        with processes.server(folder, address, info, settings) as server:
            backend = Backend(simulator, info, address, key, processes.connected(address, server))
            for language in languages:
                check(language, backend)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="tidings-examples-") as temporary:
        try:
            fly(temporary, sys.argv[1:] or list(COMMANDS))
        except (AssertionError, RuntimeError, OSError, grpc.RpcError, subprocess.SubprocessError) as error:
            sys.exit(f"the examples failed: {error}")
