"""Messages and methods of the protocol, made from descriptors in a pool of their own.

A pool of its own lets this package live in one process with others that have messages of the same names, as tritonclient
has, and with any protobuf that has pools: nothing here was generated for one version of it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def _status_file() -> descriptor_pb2.FileDescriptorProto:
    """google.rpc.Status, in whose details a refusal travels."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="infaas_client/status.proto",
        package="google.rpc",
        syntax="proto3",
        dependency=["infaas_client/detail.proto"],
    )
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    status.field.add(name="message", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    status.field.add(
        name="details", number=3, type=field.TYPE_MESSAGE, label=field.LABEL_REPEATED, type_name=".google.rpc.Detail"
    )
    return file


def _detail_file() -> descriptor_pb2.FileDescriptorProto:
    """google.protobuf.Any under a name of its own: its JSON form, which makes it special, is not needed."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="infaas_client/detail.proto", package="google.rpc", syntax="proto3")
    detail = file.message_type.add(name="Detail")
    detail.field.add(name="type_url", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    detail.field.add(name="value", number=2, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    return file


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    content = files(__package__).joinpath("descriptors.binpb").read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(content).file:
        pool.AddSerializedFile(file.SerializeToString())
    for file in (_detail_file(), _status_file()):
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _pool()


def message(name: str) -> Any:
    """The class of a message by its full name, as ``infaas.v1.QueryRequest``."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(name))


class Method:
    """One method: its path, and the classes that it takes and returns."""

    def __init__(self, service: str, name: str) -> None:
        found = _POOL.FindServiceByName(service).FindMethodByName(name)
        self.path = f"/{service}/{name}"
        self.request: Any = message_factory.GetMessageClass(found.input_type)
        self.response: Any = message_factory.GetMessageClass(found.output_type)

    def codec(self) -> dict[str, Any]:
        """Arguments of a channel's ``unary_unary`` and its like."""
        return {
            "request_serializer": self.request.SerializeToString,
            "response_deserializer": self.response.FromString,
        }


QUERY = Method("infaas.v1.InferenceService", "Query")
LIST_MODELS = Method("infaas.v1.CatalogService", "ListModels")
PUT_TASK = Method("infaas.v1.CatalogService", "PutTask")
REGISTER = Method("infaas.v1.CatalogService", "RegisterModel")
DELETE = Method("infaas.v1.CatalogService", "Delete")
STAT_ARTIFACT = Method("infaas.v1.ArtifactService", "StatArtifact")
UPLOAD_ARTIFACT = Method("infaas.v1.ArtifactService", "UploadArtifact")

Refusal = message("infaas.v1.Refusal")
Status = message("google.rpc.Status")
Model = message("onnx.ModelProto")
