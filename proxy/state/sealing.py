"""`AesSealer`: authenticated encryption for what travels through clients, and where its keys come from.

The first key seals, all of them open: a new one is put in front, an old one taken away when nothing needs it. The owner
is bound into a seal, so that what one caller carries away opens for no other.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import zlib
from collections.abc import Sequence
from pathlib import Path

from proxy.config import StoreSettings
from proxy.store import StoreMisconfigured, of_files
from translators.sealing import PLAIN, Sealer

KEY_FILE = "sealing.key"
MAX_OPENED = 64 << 20  # a small blob may inflate to anything
_PREFIX = "dragoman-2."
_WITHOUT_OWNER = "dragoman-1."  # what was sealed before owners were bound; it opens for whoever brings it
_NONCE = 12
_KEY = 32


class AesSealer:
    """AES-256-GCM over deflated content; whatever does not open is foreign, and None.

    The prefix and the owner are the associated data (NIST SP 800-38D): they are no part of the seal, and it does not
    open with others.
    """

    def __init__(self, keys: Sequence[bytes], owners: Sequence[str] = ("",)) -> None:
        self._keys = list(keys)
        self._owners = owners

    def of(self, owners: Sequence[str]) -> AesSealer:
        return AesSealer(self._keys, owners)

    def seal(self, content: bytes) -> str:
        nonce = secrets.token_bytes(_NONCE)
        sealed = _cipher(self._keys[0]).encrypt(nonce, zlib.compress(content), _bound_to(self._owners[0]))
        return _PREFIX + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str) -> bytes | None:
        if sealed.startswith(_PREFIX):
            return self._open(sealed.removeprefix(_PREFIX), [_bound_to(owner) for owner in self._owners])
        if sealed.startswith(_WITHOUT_OWNER):
            return self._open(sealed.removeprefix(_WITHOUT_OWNER), [_WITHOUT_OWNER.encode()])
        return None

    def _open(self, encoded: str, bounds: Sequence[bytes]) -> bytes | None:
        from cryptography.exceptions import InvalidTag

        try:
            blob = base64.b64decode(encoded, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(blob) < _NONCE:
            return None
        for key in self._keys:
            for bound in bounds:
                with contextlib.suppress(InvalidTag):
                    deflated = _cipher(key).decrypt(blob[:_NONCE], blob[_NONCE:], bound)
                    return zlib.decompressobj().decompress(deflated, MAX_OPENED)
        return None


def _bound_to(owner: str) -> bytes:
    return f"{_PREFIX}\0{owner}".encode()


def _cipher(key: bytes):  # type: ignore[no-untyped-def]  # its type would import the library, which few requests need
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def create_sealer(settings: StoreSettings) -> Sealer:
    """Keys of the configuration, else one made once in the data directory; without either nothing is sealed."""
    if settings.sealing_keys:
        return AesSealer([bytes.fromhex(key.reveal()) for key in settings.sealing_keys])
    if settings.data_dir is None:
        return PLAIN
    return AesSealer([_kept_key(Path(settings.data_dir))])


def _kept_key(directory: Path) -> bytes:
    """Raises StoreError. Of two processes that start at once the second finds the key of the first."""
    path = directory / KEY_FILE
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = directory / f".{KEY_FILE}.{secrets.token_hex(8)}"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY))
        with contextlib.suppress(FileExistsError):
            os.link(made, path)  # whole or not at all, and never in the place of another
        made.unlink()
        key = path.read_bytes()
    except OSError as error:
        raise of_files(error)(f"the sealing key {path} cannot be used: {error.strerror}") from error
    if len(key) != _KEY:
        told = f"the sealing key {path} is damaged: it has {len(key)} bytes instead of {_KEY}"
        raise StoreMisconfigured(f"{told}; put a copy of it in its place, or move it away to have a new one made")
    return key
