"""What the client raises when it is told no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from .v1.rpc_shapes_pb2 import Refused

AGAIN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
)
"""Codes after which the same may be asked again, with the same key or ids. CANCELLED is the server's: gRPC
itself turns calls away so when thousands come at once; what the caller cancels is a CancelledError."""
CUT = "Internal error from Core"
"""What gRPC's own library says of a line that was cut under a write (INTERNAL, though no server said so)."""
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class CallRefused(Exception):
    """A call, or a request within a stream, was refused.

    code: why, in general. why, owner: the reason as a word, and who has the conversation, where that is the
    matter. fields: a JSON pointer and the rule for each bad field. retry_after_s: the same may be asked again
    after so many seconds; 0: not by waiting.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        detail: str,
        why: str = "",
        owner: str = "",
        conversation_id: str = "",
        fields: Mapping[str, str] | None = None,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(f"{code.name}: {detail}")
        self.code = code
        self.detail = detail
        self.why = why
        self.owner = owner
        self.conversation_id = conversation_id
        self.fields = dict(fields or {})
        self.retry_after_s = retry_after_s

    @property
    def again(self) -> bool:
        """Whether asking the same again may help."""
        return self.code in AGAIN


def of_request(refused: Refused) -> CallRefused:
    """The refusal of a request within a stream."""
    return CallRefused(
        _CODES.get(refused.code, grpc.StatusCode.UNKNOWN),
        refused.message,
        refused.why,
        refused.owner,
        refused.conversation_id,
        {field.pointer: field.rule for field in refused.fields},
        refused.retry_after_s,
    )


def of_call(error: grpc.aio.AioRpcError) -> CallRefused:
    """The refusal of a call, its details read from the trailing metadata (google.rpc.Status).

    A line that was cut under a write is UNAVAILABLE, whatever gRPC's library calls it.
    """
    cut = error.code() is grpc.StatusCode.INTERNAL and error.details() == CUT
    trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b""))
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry_s = 0.0
    for detail in status.details:
        retry = error_details_pb2.RetryInfo()
        if not detail.Unpack(info) and not detail.Unpack(bad) and detail.Unpack(retry):
            retry_s = retry.retry_delay.ToMilliseconds() / 1000
    return CallRefused(
        grpc.StatusCode.UNAVAILABLE if cut else error.code(),
        error.details() or "",
        info.metadata.get("why", ""),
        info.metadata.get("owner", ""),
        info.metadata.get("conversation_id", ""),
        {"/" + one.field.replace(".", "/"): one.description for one in bad.field_violations},
        retry_s,
    )
