"""The cookie that ties a log-in to the browser that began it (RFC 9700, 4.7)."""

import re
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from auth_service.secrets import new_secret

_LIFETIME_SECONDS = 3600
_NAME = "madang-social"
_POST = "-post"
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class BrowserCookie:
    """One random value a browser, so that log-ins in several tabs do not disturb each other.

    Over https its name begins with `__Host-`: no other subdomain can plant one. Where the provider
    answers with a form that its page posts, the cookie has to come along from there
    (SameSite=None), and is another one.
    """

    secure: bool

    def of(self, request: Request) -> tuple[str, ...]:
        """The browser's values, at most two."""
        found = (request.cookies.get(self._name(form_post=post), "") for post in (False, True))
        return tuple(one for one in found if _VALUE.fullmatch(one))

    def value(self, request: Request, *, form_post: bool) -> str:
        """The one that the browser has for such a provider, or a new one."""
        known = request.cookies.get(self._name(form_post=form_post), "")
        return known if _VALUE.fullmatch(known) else new_secret().token

    def give(self, response: Response, value: str, *, form_post: bool) -> None:
        """Let the browser keep it."""
        same_site: Literal["none", "lax"] = "none" if form_post else "lax"
        response.set_cookie(
            self._name(form_post=form_post),
            value,
            max_age=_LIFETIME_SECONDS,
            path="/",
            secure=self.secure or form_post,  # browsers keep no other SameSite=None
            httponly=True,
            samesite=same_site,
        )

    def _name(self, *, form_post: bool) -> str:
        prefix = "__Host-" if self.secure else ""
        return f"{prefix}{_NAME}{_POST if form_post else ''}"
