"""What the settings of providers may be, and how mistakes are told."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth_service.settings import AuthSettings
from shared.settings import BadSettings, load

ENTRY = {"name": "corp", "issuer": "https://id.example", "client_id": "a", "client_secret": "b"}
NO_ISSUER = "must be an https:// URL without query and fragment; http:// is for this machine alone"
APPLE = {"apple_client_id": "com.example.web", "apple_team_id": "TEAM", "apple_key_id": "KEY"}


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def read(**given: object) -> AuthSettings:
    usual = {
        "secret_key": "x" * 40,
        "database_url": "postgresql+asyncpg://auth@localhost/auth",
        "amqp_url": "amqp://localhost",
        "storage_url": "file:///tmp/files",
    }
    return load(AuthSettings, **usual, **given)


def mistakes(**given: object) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        read(**given)
    return str(caught.value).splitlines()


def entries(*found: object) -> str:
    return json.dumps(found)


def test_nothing_has_to_be_set() -> None:
    assert read().oidc_providers == ()
    assert read(oidc_providers=" ", google_client_id="", apple_private_key="").oidc_providers == ()


@pytest.mark.parametrize("name", ["google", "github", "kakao", "naver"])
def test_an_id_and_a_secret_belong_together(name: str) -> None:
    upper = name.upper()
    assert mistakes(**{f"{name}_client_id": "x"}) == [
        f"{upper}_CLIENT_SECRET: it is missing beside {upper}_CLIENT_ID"
    ]
    assert mistakes(**{f"{name}_client_secret": "x"}) == [
        f"{upper}_CLIENT_SECRET: {upper}_CLIENT_ID is missing beside it"
    ]


def test_apple_needs_all_four() -> None:
    assert mistakes(apple_client_id="x", apple_key_id="y") == [
        "APPLE_PRIVATE_KEY: APPLE_TEAM_ID and APPLE_PRIVATE_KEY must be set beside the rest"
    ]


def test_apple_s_key_may_be_on_one_line() -> None:
    key = pem(ec.generate_private_key(ec.SECP256R1()))
    found = read(apple_private_key=key.replace("\n", "\\n"), **APPLE).apple_private_key
    assert found is not None
    assert found.get_secret_value() == key


def test_apple_s_key_has_to_be_one_of_apple_s() -> None:
    (line,) = mistakes(apple_private_key=pem(rsa.generate_private_key(65537, 2048)), **APPLE)
    assert line == "APPLE_PRIVATE_KEY: it must be a key on the curve P-256, as Apple makes them"
    (line,) = mistakes(apple_private_key="secret words", **APPLE)
    assert line.startswith("APPLE_PRIVATE_KEY: it is no private key in PEM")
    assert "secret words" not in line


def test_an_issuer_is_read_with_what_is_usual() -> None:
    (found,) = read(oidc_providers=entries(ENTRY)).oidc_providers
    assert found.scopes == ("openid", "email", "profile")
    assert found.response_mode == "query"
    assert found.trust_email is False
    assert "'b'" not in repr(found)


def test_every_mistake_of_every_issuer_is_listed() -> None:
    wrong = {"name": "google", "issuer": "http://id.example", "client_id": "", "client_secret": "x"}
    assert mistakes(oidc_providers=entries(ENTRY, {**wrong, "scopes": ["email"]}, ENTRY)) == [
        "OIDC_PROVIDERS: [1].name 'google' is that of a provider with settings of its own",
        f"OIDC_PROVIDERS: [1].issuer 'http://id.example' {NO_ISSUER}",
        "OIDC_PROVIDERS: [1].client_id is empty",
        "OIDC_PROVIDERS: [1].scopes must name openid",
        "OIDC_PROVIDERS: [2].name 'corp' is there before",
    ]


def test_fields_that_are_missing_unknown_or_of_another_type_are_named() -> None:
    lines = mistakes(oidc_providers=entries({"name": 5, "issuer": "x", "clientid": "y"}, 7))
    assert any("[0].name" in line for line in lines)
    assert "OIDC_PROVIDERS: [0].client_id is required" in lines
    assert any(line.startswith("OIDC_PROVIDERS: [0].clientid is not known") for line in lines)
    assert "OIDC_PROVIDERS: [1] must be a JSON object" in lines


@pytest.mark.parametrize("value", ["{}", "[", "corp"])
def test_what_is_no_list_is_refused(value: str) -> None:
    (line,) = mistakes(oidc_providers=value)
    assert line.startswith("OIDC_PROVIDERS: it must be a JSON array of objects")


@pytest.mark.parametrize("name", ["", "Corp", "1corp", "co rp", "a" * 33, "../x"])
def test_a_name_is_a_word_of_a_path(name: str) -> None:
    (line,) = mistakes(oidc_providers=entries({**ENTRY, "name": name}))
    assert "must begin with a letter" in line


@pytest.mark.parametrize(
    "issuer",
    [
        "id.example",
        "https://",
        "https://user@id.example",
        "https://id.example?x",
        "https://id.example#x",
        "https://id.example:port",
        "ftp://id.example",
        "http://169.254.169.254",
    ],
)
def test_an_issuer_has_to_be_an_address(issuer: str) -> None:
    (line,) = mistakes(oidc_providers=entries({**ENTRY, "issuer": issuer}))
    assert "must be an https:// URL" in line


@pytest.mark.parametrize("issuer", ["http://localhost:9000", "http://127.0.0.1", "http://[::1]:1"])
def test_an_issuer_on_this_machine_may_do_without_tls_but_not_in_production(issuer: str) -> None:
    listed = entries({**ENTRY, "issuer": issuer})
    assert read(oidc_providers=listed).oidc_providers[0].issuer == issuer
    lines = mistakes(
        oidc_providers=listed,
        environment="production",
        public_url="https://api.example",
        smtp_url="smtp://mail.example:587",
        mail_from="a@example.com",
    )
    assert any("must be an https:// URL" in line for line in lines)
