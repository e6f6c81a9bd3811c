"""TLS of outgoing connections: the peer is verified, against the system's authorities or those of one file."""

from __future__ import annotations

import ssl


def client_context(*, verify: bool, ca_file: str | None) -> ssl.SSLContext:
    if verify:
        return ssl.create_default_context(cafile=ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
