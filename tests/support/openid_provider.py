"""An independent OpenID provider, npm's `oidc-provider`, with its own pages; and a person who uses
them in a browser."""

import html
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.support.loopback import wait_until
from tests.support.npm import CannotHave, npm_project

_PROJECT = Path(__file__).with_name("openid_provider")
_CACHE = Path.home() / ".cache" / "madang-tests"
_FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"')
_ABORT = re.compile(r'href="([^"]+/abort)"')
CLIENT_ID, CLIENT_SECRET = "madang", "a secret that both know"


def entry(port: int, **changed: object) -> dict[str, object]:
    """What OIDC_PROVIDERS says of it."""
    return {
        "name": "independent",
        "issuer": f"http://127.0.0.1:{port}",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "trust_email": True,
        **changed,
    }


@contextmanager
def openid_provider(port: int, redirect_uri: str, folder: Path) -> Iterator[str]:
    """It runs, and knows us as a client that answers at `redirect_uri`; its issuer.

    Skips the test where it cannot be had.
    """
    try:
        installed = npm_project(_PROJECT, _CACHE)
    except CannotHave as reason:
        pytest.skip(f"oidc-provider cannot be had: {reason}")
    client = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": [redirect_uri],
    }
    issuer, log = f"http://127.0.0.1:{port}", folder / "openid_provider.log"
    command = ["node", str(installed / "server.js"), str(port), json.dumps([client])]
    with log.open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until(
            lambda: issuer in log.read_text().splitlines(),
            lambda: _check(running, log),
            "oidc-provider",
            20,
        )
        yield issuer
    finally:
        running.terminate()
        running.wait(timeout=10)


def _check(running: subprocess.Popen[bytes], log: Path) -> None:
    if running.poll() is not None:
        raise AssertionError(f"oidc-provider has ended:\n{log.read_text()[-2000:]}")


class Person:
    """Somebody at the provider's pages, with a browser that keeps cookies and fills in forms."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._http = httpx.AsyncClient()

    async def consent(self, url: str, issuer: str) -> str:
        """Log in and agree; where the provider sends the browser then."""
        return await self._walk(url, issuer, abort=False)

    async def refuse(self, url: str, issuer: str) -> str:
        """Log in and cancel at the page that asks for consent."""
        return await self._walk(url, issuer, abort=True)

    async def close(self) -> None:
        """Close the browser."""
        await self._http.aclose()

    async def _walk(self, url: str, issuer: str, *, abort: bool) -> str:
        for _ in range(20):
            if not url.startswith(issuer):
                return url
            answer = await self._http.get(url)
            while not answer.has_redirect_location:
                assert answer.status_code == 200, answer.text
                answer = await self._fill(answer, abort=abort)
            url = urljoin(str(answer.url), answer.headers["location"])
        raise AssertionError(f"The provider leads nowhere: {url}")

    async def _fill(self, page: httpx.Response, *, abort: bool) -> httpx.Response:
        form = _FORM.search(page.text)
        assert form is not None, page.text
        fields = dict(_HIDDEN.findall(form[2]))
        at_consent = fields.get("prompt") == "consent"
        if at_consent and abort:
            away = _ABORT.search(page.text)
            assert away is not None, page.text
            return await self._http.get(urljoin(str(page.url), html.unescape(away[1])))
        if not at_consent:
            fields |= {"login": self.name, "password": "any"}
        return await self._http.post(urljoin(str(page.url), html.unescape(form[1])), data=fields)
