"""The pages to which the links in mails lead, where a front end has none of its own.

Their policy allows nothing from elsewhere and no script in the page. The secret of the link is in
the fragment, which `static/page.js` reads; it is in no request but the one that uses it.
"""

import html
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from auth_service.mail.languages import LANGUAGES, language_of
from auth_service.recovery.domain import PAGES
from auth_service.tickets.domain import Purpose
from shared.http.endpoint import endpoint

_STATIC = Path(__file__).with_name("static")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
    "vary": "accept-language",
}
_ASSET_HEADERS = {"cache-control": "public, max-age=300"}
_ABOUT = "In English or Korean, as the browser prefers. The link's secret follows `#token=`."


@dataclass(frozen=True, slots=True)
class PageEndpoints:
    """The pages, as `product` shows them."""

    product: str
    _pages: dict[tuple[Purpose, str], str] = field(init=False)
    _script: str = field(init=False)
    _style: str = field(init=False)

    def __post_init__(self) -> None:
        """Read and fill in all of them once."""
        pages = {(one, lang): self._page(one, lang) for one in PAGES for lang in LANGUAGES}
        object.__setattr__(self, "_pages", pages)
        object.__setattr__(self, "_script", _read("page.js"))
        object.__setattr__(self, "_style", _read("page.css"))

    @endpoint(
        "GET",
        "/api/auth/pages/verify-email",
        summary="The page that confirms an e-mail address",
        tag="pages",
        description=_ABOUT,
        answers=("text/html",),
    )
    async def verify_email(self, request: Request) -> Response:
        """The page."""
        return self._answer(Purpose.VERIFY_EMAIL, request)

    @endpoint(
        "GET",
        "/api/auth/pages/reset-password",
        summary="The page that asks for a new password",
        tag="pages",
        description=_ABOUT,
        answers=("text/html",),
    )
    async def reset_password(self, request: Request) -> Response:
        """The page."""
        return self._answer(Purpose.RESET_PASSWORD, request)

    @endpoint(
        "GET",
        "/api/auth/pages/change-email",
        summary="The page that confirms a new e-mail address",
        tag="pages",
        description=_ABOUT,
        answers=("text/html",),
    )
    async def change_email(self, request: Request) -> Response:
        """The page."""
        return self._answer(Purpose.CHANGE_EMAIL, request)

    @endpoint(
        "GET",
        "/api/auth/pages/page.js",
        summary="What makes these pages work",
        tag="pages",
        answers=("text/javascript",),
    )
    async def script(self) -> Response:
        """The script."""
        return Response(self._script, headers=_ASSET_HEADERS, media_type="text/javascript")

    @endpoint(
        "GET",
        "/api/auth/pages/page.css",
        summary="What makes these pages look good",
        tag="pages",
        answers=("text/css",),
    )
    async def style(self) -> Response:
        """The style sheet."""
        return Response(self._style, headers=_ASSET_HEADERS, media_type="text/css")

    def _answer(self, purpose: Purpose, request: Request) -> Response:
        language = language_of(request.headers.get("accept-language", ""))
        return HTMLResponse(
            self._pages[purpose, language], headers={**_HEADERS, "content-language": language}
        )

    def _page(self, purpose: Purpose, language: str) -> str:
        title, _, content = _read(f"{PAGES[purpose]}.{language}.html").partition("\n")
        page = _read("page.html").replace("{content}", content)
        values = {"title": title, "language": language, "product": self.product}
        for name, value in values.items():
            page = page.replace(f"{{{name}}}", html.escape(value))
        return page


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")
