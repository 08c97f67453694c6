"""Runs the gRPC generator of grpcio-tools as a protoc plugin, the form that buf takes: grpcio-tools has it only inside its own protoc."""

import pathlib
import sys
import tempfile

from google.protobuf.compiler import plugin_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
response = plugin_pb2.CodeGeneratorResponse()
response.supported_features = plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
with tempfile.TemporaryDirectory() as folder:
    descriptors = pathlib.Path(folder, "descriptors")
    descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
    out = pathlib.Path(folder, "out")
    out.mkdir()
    words = ["protoc", f"--descriptor_set_in={descriptors}", f"--grpc_python_out={out}", *request.file_to_generate]
    if protoc.main(words) != 0:
        response.error = "the gRPC generator of grpcio-tools failed; what it said is above"
    for file in sorted(out.rglob("*.py")):
        response.file.add(name=file.relative_to(out).as_posix(), content=file.read_text())
sys.stdout.buffer.write(response.SerializeToString())
