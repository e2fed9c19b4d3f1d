"""A plugin of buf that writes Python messages, their types and the gRPC stubs, with the protoc inside grpcio-tools.

buf has no built-in for the stubs, and the only published program that writes them is grpcio-tools.
"""

import pathlib
import sys
import tempfile

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import Edition, FileDescriptorSet
from grpc_tools import protoc

OUTPUTS = ("python_out", "pyi_out", "grpc_python_out")


def generate(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """The files that protoc writes for the request."""
    response = CodeGeneratorResponse(
        supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
        | CodeGeneratorResponse.FEATURE_SUPPORTS_EDITIONS,
        minimum_edition=Edition.EDITION_PROTO2,
        maximum_edition=Edition.EDITION_2024,
    )
    with tempfile.TemporaryDirectory() as folder:
        descriptors, out = pathlib.Path(folder, "descriptors.binpb"), pathlib.Path(folder, "out")
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        out.mkdir()
        outputs = [f"--{output}={out}" for output in OUTPUTS]
        if protoc.main(["protoc", f"--descriptor_set_in={descriptors}", *outputs, *request.file_to_generate]) != 0:
            response.error = "the protoc of grpcio-tools failed"
        for path in sorted(path for path in out.rglob("*") if path.is_file()):
            response.file.add(name=path.relative_to(out).as_posix(), content=path.read_text("utf-8"))
    return response


if __name__ == "__main__":
    answer = generate(CodeGeneratorRequest.FromString(sys.stdin.buffer.read()))
    sys.stdout.buffer.write(answer.SerializeToString())
