"""A server on this machine that speaks the part of Stripe's API that is used, and signs its news.

https://docs.stripe.com/api/checkout/sessions, …/idempotent_requests, …/errors
"""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.runtime.http_server import HttpServer, bind

KEY = "sk_test_0123456789abcdef"
WEBHOOK_SECRET = "whsec_0123456789abcdef"
Object = dict[str, Any]


@dataclass
class StripeServer:
    """What people do at its pages, tests do here; each answers the event that Stripe would send."""

    url: str
    sessions: dict[str, Object] = field(default_factory=dict)
    charges: dict[str, Object] = field(default_factory=dict)
    """By the id of the payment."""
    ill: list[Response] = field(default_factory=list)
    """What it answers next, in place of what it should."""
    requests: list[str] = field(default_factory=list)
    _answered: dict[str, tuple[bytes, Object]] = field(default_factory=dict)

    def reset(self) -> None:
        """Know of nothing again."""
        self.sessions.clear()
        self.charges.clear()
        self.ill.clear()
        self.requests.clear()
        self._answered.clear()

    # ---- the API

    @property
    def app(self) -> Starlette:
        """Its endpoints."""
        path = "/v1/checkout/sessions"
        return Starlette(
            routes=[
                Route(path, self._create, methods=["POST"]),
                Route(path + "/{session_id}", self._retrieve, methods=["GET"]),
            ]
        )

    async def _create(self, request: Request) -> Response:
        body = await request.body()
        if refused := self._refused(request):
            return refused
        key = request.headers["idempotency-key"]
        if key in self._answered:
            first, answer = self._answered[key]
            if first != body:
                text = "Keys for idempotent requests can only be used with the same parameters."
                return failed(400, text, type="idempotency_error")
            return JSONResponse(answer, headers={"idempotent-replayed": "true"})
        asked = dict(parse_qsl(body.decode(), keep_blank_values=True))
        session = self._opened(asked)
        self.sessions[session["id"]] = session
        self._answered[key] = body, session
        return JSONResponse(session)

    async def _retrieve(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        session = self.sessions.get(id_ := request.path_params["session_id"])
        if session is None:
            return failed(404, f"No such checkout.session: {id_}", code="resource_missing")
        shown = dict(session)
        if "payment_intent" in request.query_params.getlist("expand[0]") and shown["intent_status"]:
            shown["payment_intent"] = {
                "id": session["payment_intent"],
                "object": "payment_intent",
                "status": session["intent_status"],
            }
        return JSONResponse(shown)

    def _refused(self, request: Request) -> Response | None:
        self.requests.append(f"{request.method} {request.url.path}")
        if self.ill:
            return self.ill.pop(0)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return failed(401, "Invalid API Key provided")
        return None

    def _opened(self, asked: dict[str, str]) -> Object:
        id_ = f"cs_test_{secrets.token_hex(12)}"
        price = "line_items[0][price_data]"
        amount = int(asked[f"{price}[unit_amount]"]) * int(asked["line_items[0][quantity]"])
        return {
            "id": id_,
            "object": "checkout.session",
            "mode": asked["mode"],
            "status": "open",
            "payment_status": "unpaid",
            "amount_total": amount,
            "currency": asked[f"{price}[currency]"],
            "client_reference_id": asked["client_reference_id"],
            "metadata": {"purchase_id": asked["metadata[purchase_id]"]},
            "payment_intent": None,
            "intent_status": None,
            "success_url": asked["success_url"],
            "cancel_url": asked["cancel_url"],
            "url": f"{self.url}/pay/{id_}",
            "livemode": False,
        }

    # ---- what people and banks do

    def session_of(self, purchase_id: str) -> Object:
        """The checkout of a purchase."""
        (found,) = [
            one for one in self.sessions.values() if one["client_reference_id"] == purchase_id
        ]
        return found

    def pay(self, purchase_id: str, **other: Any) -> Object:
        """Pay by card: at once."""
        session = self._completed(purchase_id, "paid", "succeeded", **other)
        return event("checkout.session.completed", session)

    def pay_slowly(self, purchase_id: str) -> Object:
        """Pay by a bank that takes its days: `arrive` or `bounce` follows."""
        return event(
            "checkout.session.completed", self._completed(purchase_id, "unpaid", "processing")
        )

    def arrive(self, purchase_id: str) -> Object:
        """The bank has paid."""
        session = self._completed(purchase_id, "paid", "succeeded")
        return event("checkout.session.async_payment_succeeded", session)

    def bounce(self, purchase_id: str) -> Object:
        """The bank has not."""
        session = self._completed(purchase_id, "unpaid", "requires_payment_method")
        return event("checkout.session.async_payment_failed", session)

    def expire(self, purchase_id: str) -> Object:
        """Nobody has paid within a day."""
        session = self.session_of(purchase_id)
        session["status"] = "expired"
        return event("checkout.session.expired", session)

    def refund(self, purchase_id: str, amount: int) -> Object:
        """Pay so much back."""
        charge = self.charges[self.session_of(purchase_id)["payment_intent"]]
        charge["amount_refunded"] += amount
        return event("charge.refunded", charge)

    def dispute(self, purchase_id: str, status: str = "needs_response") -> Object:
        """The bank takes the whole payment back, until it is decided: `won` or `lost`."""
        charge = self.charges[self.session_of(purchase_id)["payment_intent"]]
        kind = "closed" if status in {"won", "lost"} else "created"
        told = {
            "id": f"du_{charge['id']}",
            "object": "dispute",
            "amount": charge["amount"],
            "charge": charge["id"],
            "payment_intent": charge["payment_intent"],
            "status": status,
        }
        return event(f"charge.dispute.{kind}", told)

    def _completed(self, purchase_id: str, paid: str, intent: str, **other: Any) -> Object:
        session = self.session_of(purchase_id)
        payment = session["payment_intent"] or f"pi_{secrets.token_hex(12)}"
        session.update(
            {
                "status": "complete",
                "payment_status": paid,
                "payment_intent": payment,
                "intent_status": intent,
                **other,
            }
        )
        self.charges[payment] = {
            "id": f"ch_{secrets.token_hex(12)}",
            "object": "charge",
            "amount": session["amount_total"],
            "amount_refunded": 0,
            "payment_intent": payment,
            "metadata": session["metadata"],
        }
        return session


def event(type_: str, about: Object, **other: Any) -> Object:
    """An event as it is sent."""
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": type_,
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": dict(about)},
        **other,
    }


def signed(
    told: Object | bytes, secret: str = WEBHOOK_SECRET, age: int = 0
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a webhook, signed by Stripe's own library."""
    from stripe import WebhookSignature  # here, as most who import this module sign nothing

    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    header = WebhookSignature.generate_signature_header(
        body.decode(), secret, int(time.time()) - age
    )
    return body, {"stripe-signature": header, "content-type": "application/json"}


def failed(status: int, message: str, type: str = "invalid_request_error", **more: Any) -> Response:  # noqa: A002
    """An error as the API tells it."""
    return JSONResponse({"error": {"type": type, "message": message, **more}}, status)


@asynccontextmanager
async def stripe_server(port: int = 0) -> AsyncIterator[StripeServer]:
    """A running server."""
    started = asyncio.Event()
    with bind("127.0.0.1", port) as bound:
        stripe = StripeServer(f"http://127.0.0.1:{bound.getsockname()[1]}")
        server = HttpServer(stripe.app, 0.1, started.set)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([bound]))
            await started.wait()
            try:
                yield stripe
            finally:
                server.should_exit = True
