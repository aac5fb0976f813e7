"""What a gRPC caller is told when something is wrong: the problems of the HTTP edge, as status codes.

A failed call has a canonical code, a message in plain words, and `google.rpc.Status` in its trailing metadata
(`grpc-status-details-bin`, https://cloud.google.com/apis/design/errors) with BadRequest for bad fields,
ErrorInfo for the reason and who has the conversation, RetryInfo for when to come again. A request within a
stream is told the same by `proto.v1.Refused`. Both are made from the one Refusal that HTTP answers with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from proto.v1.rpc_shapes_pb2 import Refused, WrongField
from services.runtime.asgi import STOPPING
from services.runtime.hub import Closed
from services.runtime.problems import PROBLEMS_SHOWN_MAX, Refusal, refusal_of

DOMAIN = "centrala"
DETAILS_KEY = "grpc-status-details-bin"
DETAILS_BYTES_MAX = 4_000
"""Clients take 8 KiB of trailing metadata, and binary values travel as base64: what is more is left out."""
MESSAGE_BYTES_MAX = 600
"""Of the status message, which travels with up to three bytes for one."""

CODES: Mapping[int, grpc.StatusCode] = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""HTTP's status of a Refusal -> the canonical code; any other is an error of ours."""


class Failure(NamedTuple):
    """What a call, or a request within a stream, ends with."""

    code: grpc.StatusCode
    refusal: Refusal

    def message(self) -> str:
        """The refusal in words, with the fields that are wrong as far as there is room."""
        told = self.refusal.detail
        for problem in self.refusal.problems:
            more = f" {problem.pointer or 'the request'}: {problem.rule};"
            if len((told + more).encode("utf-8", "replace")) > MESSAGE_BYTES_MAX:
                break
            told += more
        return told.rstrip(";").encode("utf-8", "replace")[:MESSAGE_BYTES_MAX].decode("utf-8", "ignore")

    def trailing(self) -> tuple[tuple[str, bytes], ...]:
        """The trailing metadata with the details."""
        status = status_pb2.Status(code=_number(self.code), message=self.message())
        extra = {name: str(value) for name, value in self.refusal.extra.items() if value is not None}
        reason = extra.get("why", self.code.name).upper()
        _add(status, error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=extra))
        if self.refusal.retry_after_s is not None:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromMilliseconds(round(self.refusal.retry_after_s * 1000))
            _add(status, retry)
        bad = error_details_pb2.BadRequest()
        for problem in self.refusal.problems:
            field = problem.pointer.removeprefix("/").replace("/", ".")
            bad.field_violations.add(field=field, description=problem.rule)
            if status.ByteSize() + bad.ByteSize() > DETAILS_BYTES_MAX:
                del bad.field_violations[-1]
                break
        if bad.field_violations:
            _add(status, bad)
        return ((DETAILS_KEY, status.SerializeToString()),)

    def within(self, pointer: str) -> Refused:
        """The same for a request within a stream; `pointer` is where its body is in the message."""
        extra, refusal = self.refusal.extra, self.refusal
        return Refused(
            code=_number(self.code),
            message=refusal.detail,
            fields=[
                WrongField(pointer=pointer + problem.pointer, rule=problem.rule)
                for problem in refusal.problems[:PROBLEMS_SHOWN_MAX]
            ],
            why=extra.get("why") or "",
            owner=extra.get("owner") or "",
            conversation_id=extra.get("conversation_id") or "",
            retry_after_s=refusal.retry_after_s or 0.0,
        )


def failure_of(error: Exception) -> Failure:
    """The failure that an error amounts to. What nobody expected is INTERNAL, and is logged."""
    match error:
        case Closed():
            refusal = Refusal(503, STOPPING, retry_after_s=1)
        case TimeoutError():
            refusal = Refusal(408, "It took too long: whether it was done is unknown; send the same again.")
        case DecodeError():
            refusal = Refusal(400, "The message cannot be read: it is no protobuf of that type.")
        case _:
            refusal = refusal_of(error)
    return Failure(CODES.get(refusal.status, grpc.StatusCode.INTERNAL), refusal)


def _add(status: status_pb2.Status, detail: Message) -> None:
    status.details.add().Pack(detail)


def _number(code: grpc.StatusCode) -> int:
    number: int = code.value[0]
    return number
