"""Calls a gRPC server that it knows nothing of, by reflection: grpcurl's everyday part, for whoever has
Python and no grpcurl.

    python -m tools.grpcurl [OPTIONS] HOST:PORT list [SERVICE]
    python -m tools.grpcurl [OPTIONS] HOST:PORT describe NAME
    python -m tools.grpcurl [OPTIONS] HOST:PORT SERVICE/METHOD

`-d` takes one message as JSON, or several one after the other for a stream. Answers are printed as JSON. A
refused call prints its code, message and details; the exit code is then 64 plus the code's number, as
grpcurl's is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, Parse, ParseError
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from services.kernel.errors import Invalid

KINDS = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}
"""(client streams, server streams) -> how the channel calls it."""
EXIT_BASE = 64
DETAILS = (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, error_details_pb2.BadRequest)


def documents(text: str) -> Iterator[Any]:
    """JSON values, one after the other. Raises JSONDecodeError for what is none."""
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        yield value


def sent_as(cls: Any, data: str) -> list[Any]:
    """The messages that are written as JSON. Raises Invalid for what is no JSON, or no such message."""
    try:
        return [Parse(json.dumps(one), cls()) for one in documents(data)]
    except json.JSONDecodeError as error:
        raise Invalid(f"-d is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except ParseError as error:
        raise Invalid(f"-d is no {cls.DESCRIPTOR.full_name}: {error}") from error


class Server:
    """A server, as its reflection describes it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._database: Any = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self._database)

    def services(self) -> list[str]:
        """Full names of its services."""
        return sorted(self._database.get_services())

    def methods(self, service: str) -> list[str]:
        """Full names of a service's calls. Raises Invalid for an unknown one."""
        found = self._service(service)
        return [f"{found.full_name}.{method.name}" for method in found.methods]

    def _service(self, name: str) -> Any:
        try:
            return self._pool.FindServiceByName(name)
        except KeyError:
            known = ", ".join(self.services())
            raise Invalid(f"there is no service {name!r}; there are {known}") from None

    def described(self, name: str) -> str:
        """A service's calls or a message's fields. Raises Invalid for an unknown name."""
        try:
            service = self._pool.FindServiceByName(name)
        except KeyError:
            message = self._message(name)
            fields = [f"  {field.name} = {field.number};" for field in message.fields]
            return "\n".join([f"message {message.name} {{", *fields, "}"])
        lines = []
        for method in service.methods:
            took = f"{'stream ' * method.client_streaming}.{method.input_type.full_name}"
            gave = f"{'stream ' * method.server_streaming}.{method.output_type.full_name}"
            lines.append(f"  rpc {method.name} ( {took} ) returns ( {gave} );")
        return "\n".join([f"service {service.name} {{", *lines, "}"])

    def _message(self, name: str) -> Any:
        try:
            return self._pool.FindMessageTypeByName(name)
        except KeyError:
            raise Invalid(f"there is no service and no message {name!r}; `list` shows the services") from None

    def call(
        self, name: str, data: str, metadata: list[tuple[str, str]], within_s: float | None
    ) -> Iterator[dict[str, Any]]:
        """The answers of SERVICE/METHOD. Raises grpc.RpcError, and Invalid for a call that there is not or
        that takes no such message."""
        service, _, method_name = name.rpartition("/")
        if not service:
            raise Invalid(f"{name!r} must be list, describe or SERVICE/METHOD")
        methods = self._service(service).methods_by_name
        if method_name not in methods:
            raise Invalid(f"{service} has no method {method_name!r}; it has {', '.join(sorted(methods))}")
        method = methods[method_name]
        cls: Any = GetMessageClass(method.input_type)
        answer: Any = GetMessageClass(method.output_type)
        requests = sent_as(cls, data)
        kind = KINDS[method.client_streaming, method.server_streaming]
        ask: Any = getattr(self._channel, kind)(f"/{name}", cls.SerializeToString, answer.FromString)
        sent = iter(requests) if method.client_streaming else (requests or [cls()])[0]
        told = ask(sent, metadata=metadata, timeout=within_s)
        for one in told if method.server_streaming else [told]:
            yield MessageToDict(one, preserving_proto_field_name=True)


def refused(error: Any, out: TextIO) -> int:
    """Print how a call failed; the exit code."""
    number = error.code().value[0]
    print(f"ERROR:\n  Code: {error.code().name}\n  Message: {error.details()}", file=out)
    trailing = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b""))
    for place, packed in enumerate(status.details, 1):
        for cls in DETAILS:
            detail = cls()
            if packed.Unpack(detail):
                print(f"  {place}) {json.dumps(MessageToDict(detail), ensure_ascii=False)}", file=out)
    return EXIT_BASE + int(number)


def main(arguments: list[str], out: TextIO) -> int:
    """Do what is asked; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.grpcurl", description=__doc__.split("\n\n")[0])
    parser.add_argument("-plaintext", action="store_true", help="without TLS")
    parser.add_argument("-H", action="append", default=[], metavar="'name: value'", help="metadata")
    parser.add_argument("-d", default="", metavar="JSON", help="what is sent")
    parser.add_argument("-max-time", type=float, metavar="SECONDS", help="deadline")
    parser.add_argument("target", metavar="HOST:PORT")
    parser.add_argument("verb", metavar="list|describe|SERVICE/METHOD")
    parser.add_argument("name", nargs="?", default="")
    given = parser.parse_args(arguments)
    metadata = [
        (name.strip().lower(), value.strip()) for name, _, value in (h.partition(":") for h in given.H)
    ]
    if given.plaintext:
        opened = grpc.insecure_channel(given.target)
    else:
        opened = grpc.secure_channel(given.target, grpc.ssl_channel_credentials())
    with opened as channel:
        server = Server(channel)
        try:
            if given.verb == "list":
                print("\n".join(server.methods(given.name) if given.name else server.services()), file=out)
            elif given.verb == "describe":
                print(server.described(given.name), file=out)
            else:
                for told in server.call(given.verb, given.d, metadata, given.max_time):
                    print(json.dumps(told, indent=2, ensure_ascii=False), file=out, flush=True)
        except grpc.RpcError as error:
            return refused(error, out)
        except Invalid as error:
            print(f"ERROR: {error}", file=out)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout))
