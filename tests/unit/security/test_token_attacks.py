"""Every known way to make a verifier believe a token that auth did not sign for us."""

import base64
import json
import warnings
from collections.abc import Callable
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.errors import Unauthenticated
from shared.security.jwks import to_jwk
from shared.security.keys import SigningKey
from shared.security.service_tokens import ServiceTokens
from shared.security.tokens import TokenIssuer
from tests.support.clock import MovableClock
from tests.unit.security.support import SECRET, a_principal, a_verifier, signed

CLOCK = MovableClock()
KEY = SigningKey.generate()
STRANGER = SigningKey.generate()
NOW = int(CLOCK.now().timestamp())


def good_claims(**changes: object) -> dict[str, object]:
    claims: dict[str, object] = {
        "iss": "madang", "aud": "madang", "sub": str(uuid4()), "sid": str(uuid4()),
        "iat": NOW, "exp": NOW + 900, "jti": "1", "roles": [], "scopes": [], "guest": False,
    }  # fmt: skip
    return {name: value for name, value in (claims | changes).items() if value is not None}


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(algorithm: str) -> str:
    header = {"typ": "JWT", "alg": algorithm, "kid": KEY.kid}
    return f"{segment(header)}.{segment(good_claims())}."


def hs256_with(secret: bytes) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = segment({"typ": "JWT", "alg": "HS256", "kid": KEY.kid})
        body = f"{header}.{segment(good_claims())}"
        algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        signature = algorithm.sign(body.encode(), secret)
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def es256() -> str:
    return jwt.encode(
        good_claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": KEY.kid}
    )


def tampered(part: int) -> str:
    parts = signed(KEY, good_claims()).split(".")
    other = signed(KEY, good_claims(roles=["admin"])).split(".")
    parts[part] = other[part]
    return ".".join(parts)


def public_key() -> bytes:
    return KEY.private.public_key().public_bytes_raw()


def public_pem() -> bytes:
    public = KEY.private.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


OWN_JWK = {"kty": "OKP", "crv": "Ed25519", "x": to_jwk(STRANGER.verification).x}

ATTACKS: dict[str, Callable[[], str]] = {
    "alg none": lambda: unsigned("none"),
    "alg None with capitals": lambda: unsigned("NoNe"),
    "EdDSA without a signature": lambda: unsigned("EdDSA"),
    "HS256 with the raw public key": lambda: hs256_with(public_key()),
    "HS256 with the public key as PEM": lambda: hs256_with(public_pem()),
    "HS256 with the empty secret": lambda: hs256_with(b""),
    "another asymmetric algorithm": es256,
    "a stranger's key under our kid": lambda: signed(STRANGER, good_claims(), kid=KEY.kid),
    "a stranger's key under its own kid": lambda: signed(STRANGER, good_claims()),
    "a kid that is a path": lambda: signed(STRANGER, good_claims(), kid="../../dev/null"),
    "a kid that is SQL": lambda: signed(STRANGER, good_claims(), kid="' OR 1=1 --"),
    "a kid that is empty": lambda: signed(STRANGER, good_claims(), kid=""),
    "jku to the attacker": lambda: signed(
        STRANGER, good_claims(), kid="x", jku="https://evil.example/jwks.json"
    ),
    "x5u to the attacker": lambda: signed(
        STRANGER, good_claims(), kid="x", x5u="https://evil.example/cert.pem"
    ),
    "jwk in the header": lambda: signed(STRANGER, good_claims(), kid=KEY.kid, jwk=OWN_JWK),
    "an unknown critical header": lambda: signed(KEY, good_claims(), crit=["exp2"], exp2=1),
    "claims changed": lambda: tampered(1),
    "signature changed": lambda: tampered(2),
    "another audience": lambda: signed(KEY, good_claims(aud="someone-else")),
    "a list of audiences": lambda: signed(KEY, good_claims(aud=["madang", "else"])),
    "no audience": lambda: signed(KEY, good_claims(aud=None)),
    "another issuer": lambda: signed(KEY, good_claims(iss="https://evil.example")),
    "no issuer": lambda: signed(KEY, good_claims(iss=None)),
    "no expiry": lambda: signed(KEY, good_claims(exp=None)),
    "an expiry that is a string": lambda: signed(KEY, good_claims(exp=str(NOW + 900))),
    "an expiry that is true": lambda: signed(KEY, good_claims(exp=True)),
    "no session": lambda: signed(KEY, good_claims(sid=None)),
    "a subject that is no id": lambda: signed(KEY, good_claims(sub="admin")),
    "made in the future": lambda: signed(KEY, good_claims(iat=NOW + 3600, exp=NOW + 7200)),
    "a service token": lambda: ServiceTokens(SECRET, "jobs", CLOCK).for_service("content"),
    "two segments": lambda: ".".join(signed(KEY, good_claims()).split(".")[:2]),
    "four segments": lambda: signed(KEY, good_claims()) + ".AAAA",
    "header that is a list": lambda: f"{segment([])}.{segment({})}.AAAA",
    "header that nests deeply": lambda: f"{segment(json.loads('[' * 400 + ']' * 400))}.e30.AAAA",
    "garbage": lambda: "garbage",
    "not ASCII": lambda: "토큰.토큰.토큰",
    "oversized": lambda: signed(KEY, good_claims(roles=["r" * 5000])),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_an_attack_is_refused_as_invalid(attack: Callable[[], str]) -> None:
    verifier = a_verifier(CLOCK, KEY)
    token = attack()
    with pytest.raises(Unauthenticated) as refused:
        await verifier.user(token)
    assert refused.value.code == "token_invalid"
    assert verifier.cached(token) is None


async def test_the_same_claims_well_signed_are_accepted() -> None:
    claims = good_claims(roles=["editor"])
    principal = await a_verifier(CLOCK, KEY).user(signed(KEY, claims))
    assert str(principal.id) == claims["sub"]
    assert principal.roles == ("editor",)


async def test_a_header_that_points_elsewhere_changes_nothing_for_a_good_token() -> None:
    claims = good_claims()
    token = signed(KEY, claims, jku="https://evil.example/jwks.json")
    assert str((await a_verifier(CLOCK, KEY).user(token)).id) == claims["sub"]


@pytest.mark.parametrize("seconds", [900, 901, 100_000])
async def test_a_token_is_expired_after_15_minutes(seconds: int) -> None:
    clock = MovableClock()
    token = TokenIssuer(KEY, clock).issue(a_principal())
    clock.advance(seconds)
    with pytest.raises(Unauthenticated) as refused:
        await a_verifier(clock, KEY).user(token)
    assert refused.value.code == "token_expired"
    assert 'error="invalid_token"' in refused.value.headers["www-authenticate"]


async def test_an_expired_forgery_is_invalid_rather_than_expired() -> None:
    with pytest.raises(Unauthenticated) as refused:
        await a_verifier(CLOCK, KEY).user(signed(STRANGER, good_claims(exp=1), kid=KEY.kid))
    assert refused.value.code == "token_invalid"
