"""Types of the generated gRPC stubs, which protoc leaves out: `*_pb2_grpc.pyi`, for asyncio channels."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto

_CALLABLES = {
    (False, False): "UnaryUnaryMultiCallable",
    (False, True): "UnaryStreamMultiCallable",
    (True, False): "StreamUnaryMultiCallable",
    (True, True): "StreamStreamMultiCallable",
}
"""(client streams, server streams) -> grpc.aio's class."""


def page(file: FileDescriptorProto) -> str:
    """The stub file of a schema with services. Each message it names must come from its own package."""
    homes = {message.name: file.name for message in file.message_type}
    lines = ["import grpc.aio", ""]
    modules = sorted({_module(homes, method, file) for service in file.service for method in _types(service)})
    lines += [f"from proto.v1 import {module}" for module in modules]
    for service in file.service:
        lines += [
            "",
            f"class {service.name}Stub:",
            "    def __init__(self, channel: grpc.aio.Channel) -> None: ...",
        ]
        lines += [_method(homes, method, file) for method in service.method]
    return "\n".join(lines) + "\n"


def _types(service: ServiceDescriptorProto) -> list[str]:
    return [name for method in service.method for name in (method.input_type, method.output_type)]


def _module(homes: dict[str, str], type_name: str, file: FileDescriptorProto) -> str:
    """The generated module of a message: the schema's own, or the one shared by all."""
    own = type_name.rpartition(".")[2] in homes
    path = file.name if own else next(path for path in file.dependency if path.endswith("rpc_shapes.proto"))
    return path.rpartition("/")[2].removesuffix(".proto") + "_pb2"


def _method(homes: dict[str, str], method: MethodDescriptorProto, file: FileDescriptorProto) -> str:
    kind = _CALLABLES[method.client_streaming, method.server_streaming]
    names = [
        f"{_module(homes, one, file)}.{one.rpartition('.')[2]}"
        for one in (method.input_type, method.output_type)
    ]
    return f"    {method.name}: grpc.aio.{kind}[{', '.join(names)}]"
