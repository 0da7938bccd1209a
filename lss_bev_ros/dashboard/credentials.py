"""What the page beyond this machine is opened and served with: a token, and files of TLS."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
import ssl
from pathlib import Path

from ..errors import LssBevError

LEAST_TOKEN = 16
"""Characters: a token of so many from `[A-Za-z0-9_-]` cannot be guessed at the rate that is allowed."""

_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{LEAST_TOKEN},256}}")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to listen on."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def token_for(host: str, path: str, folder: Path) -> str:
    """The token that opens the page; empty where it needs none.

    On loopback there is none unless a file is named. Beyond, it is that of the file, which is made at the
    first start, so that open pages stay open when the node comes back.

    Args:
        host: address to listen on.
        path: file with the token; empty: `dashboard.token` in `folder`.
        folder: the user's cache.

    Raises:
        LssBevError: the file cannot be read or made, or holds no token.
    """
    if not path and is_loopback(host):
        return ""
    file = Path(path).expanduser() if path else folder / "dashboard.token"
    remedy = "name a file in token_file that only you can read"
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as out:
                    out.write(f"{secrets.token_urlsafe(24)}\n")
        elif not path and file.stat().st_mode & 0o077:
            file.chmod(0o600)
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise LssBevError(f"no token for the page in {file}: {reason}; {remedy}") from error
    if not _TOKEN.fullmatch(token):
        raise LssBevError(
            f"no token for the page in {file}: it takes {LEAST_TOKEN} to 256 characters of A-Z, a-z, 0-9, _ "
            f"and -; remove the file, and one is made"
        )
    return token


def tls(certificate: str, key: str) -> ssl.SSLContext | None:
    """TLS with these PEM files; None where none are named.

    Raises:
        LssBevError: one is missing or damaged, or they do not belong together.
    """
    if not certificate and not key:
        return None
    if not certificate:
        raise LssBevError("tls_key needs tls_certificate: name both PEM files, or neither")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password a key that has one is refused, instead of asking on the terminal.
        context.load_cert_chain(certificate, key or None, password=lambda: b"")
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        named = " and ".join(filter(None, (certificate, key)))
        raise LssBevError(
            f"no TLS with {named}: {reason}; name a certificate and its key, without a password, as PEM files"
        ) from error
    return context
