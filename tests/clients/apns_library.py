"""A public APNs library against the simulator: what Apple takes is taken, what Apple refuses is refused.

The library (npm, pinned in package.json) knows nothing of Tidings, so a mistake about Apple's protocol that Tidings and
its simulator shared would show here.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
import urllib.parse

import grpc

import processes
import stubs

stubs.generate()

# Generated a moment ago, and so importable only now.
from tidings.simulator.v1 import phone_pb2, simulator_service_pb2, simulator_service_pb2_grpc  # noqa: E402

BUNDLE = "com.example.flights"
TOPIC = f"{BUNDLE}.push-type.liveactivity"
SECONDS = 60


@dataclasses.dataclass
class Push:
    """A push, and what has to become of it: None where it is taken, else Apple's reason."""

    what: str
    reason: str | None
    token: str
    topic: str = TOPIC
    push_type: str = "liveactivity"
    aps: dict = dataclasses.field(default_factory=dict)

    def job(self) -> dict:
        return {
            "token": self.token,
            "topic": self.topic,
            "pushType": self.push_type,
            "priority": 10,
            "aps": self.aps,
        }


def start_aps() -> dict:
    return {
        "timestamp": int(time.time()),
        "event": "start",
        "attributes-type": "flight_status",
        "attributes": {"activityId": "FLIGHT_1711", "activityRun": 1},
        "content-state": {"status": "Scheduled"},
        "alert": {"title": "TK1983", "body": "Istanbul to London"},
    }


def send(info, key, pushes: list[Push]) -> list[dict]:
    """The library's answers."""
    url = urllib.parse.urlsplit(info.sandbox_url)
    job = {
        "address": url.hostname,
        "port": url.port,
        "ca": info.ca_pem,
        "key": key.key_p8,
        "keyId": key.key_id,
        "teamId": key.team_id,
        "pushes": [push.job() for push in pushes],
    }
    script = processes.ROOT / "target" / "tools" / "npm" / "apns_library.mjs"
    done = subprocess.run(
        ["node", script], input=json.dumps(job), capture_output=True, text=True, timeout=SECONDS
    )
    if done.returncode != 0:
        raise RuntimeError(f"the library failed:\n{done.stderr}")
    return json.loads(done.stdout)


def check(info, key, pushes: list[Push]) -> None:
    """Fails where an answer is not the one that Apple gives."""
    for push, answer in zip(pushes, send(info, key, pushes), strict=True):
        accepted = answer["accepted"] and push.reason is None
        if not accepted and (push.reason is None or answer.get("reason") != push.reason):
            raise AssertionError(f"{push.what}: {answer}, not {push.reason or 'accepted'}")
        print(f"ok: {push.what}: {push.reason or 'accepted'}")


def try_library(folder: str) -> None:
    """Every push on one simulator."""
    control = processes.free_address()
    with processes.simulator(folder, control) as apns:
        simulator = simulator_service_pb2_grpc.SimulatorServiceStub(processes.connected(control, apns))
        info = simulator.GetInfo(simulator_service_pb2.GetInfoRequest(), timeout=SECONDS)
        template = phone_pb2.Template(
            activity_type="flight_status",
            content=[phone_pb2.Field(name="status", kind=phone_pb2.FIELD_KIND_STRING)],
        )
        spec = phone_pb2.PhoneSpec(
            device_id="d", bundle_id=BUNDLE, os_version="18.2", world=phone_pb2.WORLD_SANDBOX, templates=[template]
        )
        phone = simulator.CreatePhone(simulator_service_pb2.CreatePhoneRequest(spec=spec), timeout=SECONDS).phone
        start, device = phone.start_tokens[0].token, phone.device_token
        check(
            info,
            info.credential,
            [
                Push("a start", None, start, aps=start_aps()),
                Push("an alert to the device", None, device, BUNDLE, "alert", {"alert": "hello"}),
                Push("a token that nobody has", "BadDeviceToken", "ab" * 80, aps=start_aps()),
                Push(
                    "a topic of somebody else",
                    "TopicDisallowed",
                    start,
                    "com.example.other.push-type.liveactivity",
                    aps=start_aps(),
                ),
                Push("a body over 4 KB", "PayloadTooLarge", start, aps={"content-state": {"a": "b" * 5000}}),
            ],
        )
        simulator.KillToken(simulator_service_pb2.KillTokenRequest(token=start), timeout=SECONDS)
        check(info, info.credential, [Push("a dead token", "Unregistered", start, aps=start_aps())])
        revoke = simulator_service_pb2.RevokeCredentialRequest(key_id=info.credential.key_id)
        simulator.RevokeCredential(revoke, timeout=SECONDS)
        refused = Push("a revoked key", "InvalidProviderToken", device, BUNDLE, "alert", {"alert": "hello"})
        check(info, info.credential, [refused])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="tidings-apns-library-") as temporary:
        try:
            try_library(temporary)
        except (AssertionError, RuntimeError, grpc.RpcError) as error:
            sys.exit(f"the library and the simulator disagree: {error!r}")
