"""TLS of a client: whose certificates it takes, and which it shows, read anew when their files change.

Theory of operation. A process outlives certificates: whoever renews them replaces the files, and every
connection that is made from then on goes by what lies there then. What is connected stays.

A connection says goodbye and does not wait for the answer, as TLS allows (RFC 8446, section 6.1). A broker
reads nothing while it answers a request, so it would answer that only at the end of a long poll, after
five seconds, and one that is frozen never: whoever hangs up would wait for it.
"""

from __future__ import annotations

import functools
import logging
import os
import ssl
from typing import Any, NamedTuple

from services.kernel.errors import Invalid

_log = logging.getLogger(__name__)

X509_EXPIRED = 10
X509_NOT_YET = 9
X509_OTHER_NAME = (62, 64)
"""OpenSSL's codes of a certificate that is over, is not valid yet, is of another name or address."""


class Files(NamedTuple):
    """ca: authorities whose certificates are taken, a file or a directory of *.crt; "": those of the system.
    cert, key: what is shown to servers that ask for a certificate; "": nothing."""

    ca: str = ""
    cert: str = ""
    key: str = ""


NO_FILES = Files()
"""The system's authorities, and no certificate of ours."""


class _Connection(ssl.SSLObject):
    """One connection's TLS."""

    def unwrap(self) -> None:
        """Say that nothing more comes; the other end's word is not waited for."""
        try:
            super().unwrap()
        except ssl.SSLWantReadError:
            return


class Trust(ssl.SSLContext):
    """Takes a server whose certificate bears its name and is by one of the authorities."""

    def __new__(cls, files: Files, name: str) -> Trust:
        """The protocol of a client: certificates and names are checked."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, files: Files, name: str) -> None:
        """name: what the variables begin with, for errors. Raises Invalid if a file cannot be read."""
        super().__init__()
        self._files = files
        self._name = name
        self._seen = self._look()
        self._now = self._read()

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """A new connection, by what lies in the files now."""
        try:
            if (seen := self._look()) != self._seen:
                self._now, self._seen = self._read(), seen
        except Invalid as error:
            _log.warning("%s; what was there before holds", error)
        return self._now.wrap_bio(*arguments, **options)

    def _look(self) -> list[tuple[int, int, int]]:
        """What tells a file from another one."""
        found = []
        for variable, path in zip(Files._fields, self._files, strict=True):
            if path:
                try:
                    stat = os.stat(path)
                except OSError as error:
                    raise Invalid(
                        f"{self._name}_{variable.upper()}: {path} cannot be read: {error.strerror}"
                    ) from error
                found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return found

    def _read(self) -> ssl.SSLContext:
        # Not `create_default_context`: from Python 3.13 on that asks for an extension (the authority's key
        # identifier) that certificates of Strimzi do not have.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.sslobject_class = _Connection
        ca, cert, key = self._files
        try:
            for file in _authorities(ca):
                context.load_verify_locations(file)
            if not ca:
                context.load_default_certs()
        except OSError as error:
            raise Invalid(f"{self._name}_CA: {ca} holds no certificates in PEM: {_plain(error)}") from error
        try:
            if cert:
                context.load_cert_chain(cert, key, password=lambda: "")
        except (OSError, ValueError) as error:
            raise Invalid(
                f"{self._name}_CERT and {self._name}_KEY: {cert} and {key} must hold a certificate and its"
                f" key without a password, in PEM: {_plain(error)}"
            ) from error
        return context


def _authorities(ca: str) -> list[str]:
    """The files of certificates. Raises FileNotFoundError if a directory has none."""
    if not os.path.isdir(ca):
        return [ca] if ca else []
    found = sorted(entry.path for entry in os.scandir(ca) if entry.name.endswith(".crt"))
    if not found:
        raise FileNotFoundError("no file there ends with .crt")
    return found


def _plain(error: Exception) -> str:
    """What OpenSSL says, without its places in code."""
    said = str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
    return said.replace("_", " ").lower()


@functools.cache
def trust(files: Files, name: str) -> Trust:
    """One for all connections by these files: reading the system's authorities takes 0.2 s."""
    return Trust(files, name)


def checked(files: Files, name: str, by_tls: bool, instead: str) -> Files:
    """The files, if they go together. Raises Invalid where they would not be used or one is missing.

    instead: what would use them.
    """
    for variable, path in zip(Files._fields, files, strict=True):
        if path and not by_tls:
            raise Invalid(f"{name}_{variable.upper()} is set, and would not be used: {instead} does")
    if bool(files.cert) != bool(files.key):
        raise Invalid(f"{name}_CERT and {name}_KEY go together: set both, or neither")
    return files


def wrong_certificate(error: ssl.SSLCertVerificationError, ca: str, name: str) -> str:
    """Why a server's certificate is not taken. name: what the variables begin with."""
    if error.verify_code == X509_EXPIRED:
        return "shows a certificate that has expired: renew it there (or this machine's clock is wrong)"
    if error.verify_code == X509_NOT_YET:
        return "shows a certificate that is not valid yet: one of the clocks is wrong"
    if error.verify_code in X509_OTHER_NAME:
        wrong = f"shows a certificate without that name ({error.verify_message})"
        return f"{wrong}: add it there, or have {name} say one that is there"
    known = f"those in {ca} ({name}_CA)" if ca else f"those of the system; {name}_CA names a file of yours"
    return f"shows a certificate by none of the authorities that are trusted, {known}: {error.verify_message}"


def asks_for_certificate(error: ssl.SSLError, name: str) -> str:
    """Why a server does not take ours."""
    alert = (error.reason or "").lower().replace("_", " ")
    return (
        f"refuses the certificate that it is shown, or that it is shown none ({name}_CERT and _KEY): {alert}"
    )
