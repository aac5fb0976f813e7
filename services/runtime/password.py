"""A password of a client: as it is set, or in a file that is read for each connection.

Whoever changes a password of a running installation changes it on the server and in the file; what is
connected stays, and every connection that is made from then on shows what the file says.
"""

from __future__ import annotations

import logging

from services.kernel.errors import Invalid

_log = logging.getLogger(__name__)


class Password:
    """What is shown now; "" for none."""

    __slots__ = ("_file", "_last", "_variable")

    def __init__(self, given: str = "", file: str = "", variable: str = "") -> None:
        """variable: what `given` is set by; with _FILE behind it, `file`. Raises Invalid for both at
        once, and for a file that holds no password or cannot be read."""
        self._file = file
        self._variable = variable
        self._last = given
        if file:
            if given:
                raise Invalid(f"{variable} and {variable}_FILE are set: one of them is enough")
            self._last = self._read()

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._last)

    def now(self) -> str:
        """The password; what was there before, where the file cannot be read."""
        if self._file:
            try:
                self._last = self._read()
            except Invalid as error:
                _log.warning("%s; what was there before holds", error)
        return self._last

    def encode(self, encoding: str) -> bytes:
        """What Kafka's client asks of a password, once for each connection (its SCRAM authenticator)."""
        return self.now().encode(encoding)

    def _read(self) -> str:
        try:
            with open(self._file, encoding="utf-8") as file:
                found = file.read().rstrip("\r\n")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise Invalid(f"{self._variable}_FILE: {self._file} cannot be read: {why}") from error
        if not found or "\n" in found:
            raise Invalid(f"{self._variable}_FILE: {self._file} must hold a password on one line")
        return found


NO_PASSWORD = Password()
"""None is asked for."""
