"""HTTPS by settings, with a certificate made here."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

from config.settings import Settings, load_settings
from domain.errors import BadConfiguration
from leadscore_client import Client, TooManyRequests, Unauthenticated
from serving.auth.api_key_store import open_keys
from serving.supervisor import start
from tests.serving.double import KNOWN

DOUBLE = "tests.serving.double:Double"


def make_pair(folder: Path, name: str = "service") -> tuple[str, str]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / f"{name}.pem", folder / f"{name}-key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(pem(key, serialization.NoEncryption()))
    return str(certificate), str(secret)


def pem(key: PrivateKeyTypes, encryption: serialization.KeySerializationEncryption) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


def test_where_others_can_reach_it_it_speaks_https_asks_for_a_key_and_bounds_the_rate(
    tmp_path: Path,
) -> None:
    certificate, key = make_pair(tmp_path)
    settings = Settings(home=tmp_path, tls_certificate=certificate, tls_key=key, rate=0.01, burst=3)
    _, sent = open_keys(settings).create("tests", ["score"])
    trusting = ssl.create_default_context(cafile=certificate)
    server = start(settings, "0.0.0.0", 0, 1, DOUBLE)
    try:
        server.wait_ready()
        assert server.url.startswith("https://0.0.0.0:")
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        with Client(url, api_key=sent, verify=trusting) as client:
            for _ in range(3):
                assert client.score(KNOWN[0]).lead_id == KNOWN[0]
            with pytest.raises(TooManyRequests):
                client.score(KNOWN[0])
        with Client(url, verify=trusting) as stranger, pytest.raises(Unauthenticated):
            stranger.score(KNOWN[0])
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{url}/livez")
        with pytest.raises(httpx.TransportError):
            httpx.get(url.replace("https", "http") + "/livez")
    finally:
        server.stop()


def test_files_that_are_no_pair_are_refused_before_anything_starts(tmp_path: Path) -> None:
    certificate, key = make_pair(tmp_path)
    _, other = make_pair(tmp_path, "other")
    locked = tmp_path / "locked.pem"
    secret = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    locked.write_bytes(pem(secret, serialization.BestAvailableEncryption(b"word")))
    for one, its in (
        (certificate, other),
        (certificate, str(tmp_path / "nowhere.pem")),
        (key, certificate),
        (certificate, str(locked)),
    ):
        settings = Settings(home=tmp_path, tls_certificate=one, tls_key=its)
        with pytest.raises(BadConfiguration) as refused:
            start(settings, "127.0.0.1", 0, 1, DOUBLE)
        assert refused.value.rule == "tls-files"


@pytest.mark.parametrize(
    "said",
    [
        {"LEADSCORE_TLS_CERTIFICATE": "c.pem"},
        {"LEADSCORE_TLS_KEY": "k.pem"},
        {"LEADSCORE_JWT_ISSUER": "https://issuer.example"},
        {"LEADSCORE_JWT_ISSUER": "i", "LEADSCORE_JWT_KEYS": "keys.json"},
        {"LEADSCORE_ACCESS": "never"},
        {"LEADSCORE_RATE": "-1"},
        {"LEADSCORE_BURST": "0"},
        {
            "LEADSCORE_JWT_ISSUER": "i",
            "LEADSCORE_JWT_AUDIENCE": "a",
            "LEADSCORE_JWT_KEYS": "http://issuer.example/keys",
        },
    ],
)
def test_settings_that_would_leave_a_door_open_are_refused(said: dict[str, str]) -> None:
    with pytest.raises(BadConfiguration) as refused:
        load_settings(said)
    assert refused.value.rule == "settings"
