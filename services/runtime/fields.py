"""Fields of bodies that several doors take alike: files, numbers, texts that say something."""

from __future__ import annotations

import base64
import binascii
import math
import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, EncodedBytes, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.kernel.limits import NAME_CHARS_MAX

NUMBER_MAX = 10**15
"""Larger numbers are ids, and belong in quotes: not every reader of JSON keeps all of their digits."""
_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,2})?", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_BLANK_CATEGORIES = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs"))
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe0e\ufe0f\uffa0")
"""What is drawn as nothing though Unicode counts it as a letter, a mark or a symbol."""


class _Strict:
    """Base64 as RFC 4648 section 4 has it: nothing between its letters, padded."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        """The bytes. Raises an error of pydantic's for anything else."""
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise PydanticCustomError("base64", "must be base64 (RFC 4648), padded, on one line") from error

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """The text of the bytes."""
        return base64.b64encode(value)

    @classmethod
    def get_json_format(cls) -> str:
        """How OpenAPI calls it."""
        return "base64"


Base64 = Annotated[bytes, EncodedBytes(encoder=_Strict)]


def says_something(text: str) -> bool:
    """Whether anything of it can be seen."""
    return any(
        char not in _BLANKS and unicodedata.category(char) not in _BLANK_CATEGORIES for char in text.strip()
    )


def _attribute(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > NUMBER_MAX:
            raise ValueError(f"must be a number from -{NUMBER_MAX} to {NUMBER_MAX}")
        return value
    if not isinstance(value, str):
        raise ValueError("must be a text, a number, true or false")
    if not 0 < len(value) <= NAME_CHARS_MAX or _CONTROLS.search(value):
        raise ValueError(f"must have 1 to {NAME_CHARS_MAX} characters on one line")
    return value


Attribute = Annotated[
    Any,
    AfterValidator(_attribute),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "boolean"}, {"type": "number"}]}),
]
"""A value of an attribute; one type, so that a problem's place is the attribute's own."""


def _amount(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, str) and not _AMOUNT.fullmatch(value)):
        raise ValueError('must be a number or digits such as "249.90"')
    return value


Digits = BeforeValidator(_amount)
"""Before an amount: a number, or its plain digits as a text."""
