"""HTTPS by settings: a certificate and its key, tried before anything is started."""

import ssl
from pathlib import Path

from config.settings import Settings
from domain.errors import BadConfiguration


def tls_options(settings: Settings) -> list[str]:
    """The arguments with which a worker speaks HTTPS; none where no certificate is set.

    Raises BadConfiguration where certificate and key cannot be used together.
    """
    if not settings.tls_certificate:
        return []
    certificate, key = (
        Path(name).resolve() for name in (settings.tls_certificate, settings.tls_key)
    )
    try:
        # a key under a password would make the server wait for somebody to type it
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate, key, password=""
        )
    except (OSError, ValueError) as bad:
        raise BadConfiguration(
            f"the certificate and its key cannot be used: {type(bad).__name__}",
            rule="tls-files",
            todo="tls_certificate and tls_key must be PEM files of one pair, the key unencrypted.",
        ) from bad
    return ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)]
