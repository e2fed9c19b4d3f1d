"""Runs every request of the pages for app teams against the built binary, and compares its answers with the pages.

A request is a block that begins with ```json and the method, such as tidings.v1.DeviceService/RegisterDevice; the next
block, ```json answer or ```json error, is what comes back, and ```json message what FCM brings to the phone. In all of
them "<words>" stand for a value that the page cannot know: the simulated phone has it, or an answer gave it first and it
stays the same. "<a time>" is any time, and "…": "…" stands for fields that the page leaves out.
"""

import json
import re
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2
from grpc_status import rpc_status

import processes
import stubs

stubs.generate()

# Generated a moment ago, and so importable only now. Imported for what they put into the pool of descriptors.
import page_phones  # noqa: E402
from tidings.v1 import activity_type_service_pb2, device_service_pb2, live_activity_service_pb2  # noqa: E402, F401

BLOCK = re.compile(r"^```json (?P<head>\S+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"<[^>]+>")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
REST = "…"
SECONDS = 60


class Page:
    """A page, and the words that are known so far."""

    def __init__(self, world: page_phones.World):
        self.world = world
        self.words = world.words
        self.metadata = (("authorization", f"Bearer {world.key}"),)
        self.known: dict[str, str] = {}

    def run(self, text: str) -> int:
        """Sends every request; returns how many there were."""
        requests = 0
        came_back: tuple[str, str, object] | None = None
        for found in BLOCK.finditer(text):
            head, body = found["head"], json.loads(found["body"])
            if head == "message":
                self.compare("the message", body, self.world.message(body["data"]))
            elif head in ("answer", "error"):
                self.check(head, body, came_back)
                came_back = None
            elif came_back is None:
                came_back = (head, *self.send(head, self.filled(body)))
                requests += 1
            else:
                raise AssertionError(f"{came_back[0]} has no answer on the page")
        if not requests or came_back:
            raise AssertionError("the page has no requests, or the last one has no answer")
        return requests

    def check(self, kind: str, expected: object, came_back: tuple[str, str, object] | None) -> None:
        """Fails where the page says something else than what came back."""
        if came_back is None:
            raise AssertionError(f"an {kind} without its request: {expected}")
        method, outcome, answer = came_back
        if outcome != kind:
            raise AssertionError(f"{method}: {outcome}: {answer}")
        self.compare(method, expected, answer)
        print(f"ok: {method}")

    def send(self, method: str, request: object) -> tuple[str, object]:
        """The outcome of a call, as JSON with the names of the proto files."""
        service, name = method.split("/")
        described = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
        kinds = [message_factory.GetMessageClass(kind) for kind in (described.input_type, described.output_type)]
        call = self.world.channel.unary_unary(
            f"/{method}", request_serializer=kinds[0].SerializeToString, response_deserializer=kinds[1].FromString
        )
        message = json_format.ParseDict(request, kinds[0]())
        try:
            answer = call(message, metadata=self.metadata, timeout=SECONDS)
        except grpc.RpcError as error:
            return "error", error_of(error)
        return "answer", json_format.MessageToDict(answer, preserving_proto_field_name=True)

    def filled(self, value: object) -> object:
        """The request with its words filled in."""
        if isinstance(value, dict):
            return {key: self.filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        if isinstance(value, str):
            return PLACEHOLDER.sub(lambda found: self.word(found[0]), value)
        return value

    def word(self, placeholder: str) -> str:
        """What a placeholder stands for."""
        if placeholder not in self.known:
            self.known[placeholder] = self.words[placeholder]()
        return self.known[placeholder]

    def compare(self, where: str, expected: object, actual: object) -> None:
        """Fails where the answer is not what the page says."""
        if isinstance(expected, dict) and isinstance(actual, dict):
            open_ended = REST in expected
            missing = expected.keys() - actual.keys() - {REST}
            unexpected = set() if open_ended else actual.keys() - expected.keys()
            if missing or unexpected:
                raise AssertionError(f"{where}: lacks {sorted(missing)}, has {sorted(unexpected)}: {actual}")
            for key in expected.keys() - {REST}:
                self.compare(f"{where}.{key}", expected[key], actual[key])
        elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
            for index, (inner, got) in enumerate(zip(expected, actual, strict=True)):
                self.compare(f"{where}[{index}]", inner, got)
        elif isinstance(expected, str) and PLACEHOLDER.fullmatch(expected) and isinstance(actual, str):
            self.compare_word(where, expected, actual)
        elif expected != actual:
            raise AssertionError(f"{where}: {actual!r}, not {expected!r}")

    def compare_word(self, where: str, placeholder: str, actual: str) -> None:
        if placeholder == "<a time>":
            fits = TIME.fullmatch(actual) is not None
        elif placeholder in self.words:
            fits = self.word(placeholder) == actual
        else:
            fits = self.known.setdefault(placeholder, actual) == actual
        if not fits:
            raise AssertionError(f"{where}: {actual!r} is not {placeholder}")


def error_of(error: grpc.RpcError) -> dict:
    """An error as the pages write it."""
    answer: dict = {"code": error.code().name}
    status = rpc_status.from_call(error)
    for packed in status.details if status else ():
        info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if packed.Unpack(info):
            answer["reason"] = info.reason
        elif packed.Unpack(bad_request):
            answer["violations"] = {one.field: one.description for one in bad_request.field_violations}
    return answer


def run_page(name: str, folder: str) -> None:
    """One page on a server and a simulator of its own."""
    text = (processes.ROOT / "docs" / name).read_text("utf-8")
    with page_phones.world(name, folder) as world:
        requests = Page(world).run(text)
    print(f"ok: {name}: {requests} requests, each answered as the page says")


if __name__ == "__main__":
    for page in sys.argv[1:] or page_phones.PAGES:
        with tempfile.TemporaryDirectory(prefix="tidings-page-") as temporary:
            try:
                run_page(page, temporary)
            except (AssertionError, RuntimeError, KeyError, ValueError, grpc.RpcError) as error:
                sys.exit(f"{page} is wrong: {error!r}")
