"""Clients of several tenants, which share connections, and a watch that reads what they see.

One rule finds most leaks: each UUID in a response or in the log belongs to one tenant. It is the tenant
itself, the id of a row, or the writer in a note. A cursor is decoded first.
"""

import asyncio
import base64
import random
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from shop.db.tenancy import Tenant
from tests.proofs.tenancy.application import as_tenant
from tests.proofs.tenancy.operations import EMAILS
from tests.proofs.tenancy.tables import TENANTS

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CURSOR = re.compile(r'cursor=([\w-]+)|"(?:next|previous)":"([\w-]+)"')
REQUEST_ID = re.compile(r'"request_id": "([^"]+)"')


def uuids(shown: str) -> set[str]:
    """Return the UUIDs in a text, and in its cursors."""
    cursors = ("".join(found) for found in CURSOR.findall(shown))
    decoded = [base64.urlsafe_b64decode(f"{each}===").decode(errors="replace") for each in cursors]
    return set(UUID.findall(" ".join([shown, *decoded])))


class Watch:
    """It knows the tenant of each UUID. It is also the stream of the log, and reads each line."""

    def __init__(self) -> None:
        self.tenants: dict[str, Tenant | None] = {str(each.id): each for each in TENANTS}
        self.requests: dict[str, tuple[Tenant | None, set[str]]] = {}
        """By its id: the tenant of a request, and the UUIDs that it sent."""
        self.strangers: list[str] = []
        self.lines: Counter[str] = Counter()

    def check(self, request_id: str, shown: str) -> None:
        """Note a response or a line that shows a UUID of another tenant."""
        tenant, sent = self.requests[request_id]
        for each in uuids(shown) - sent:
            if tenant is None or self.tenants.setdefault(each, tenant) != tenant:
                self.strangers.append(f"{tenant} must not see {each}: {shown}")

    def write(self, line: str) -> None:
        """Check a line of the log."""
        if named := REQUEST_ID.search(line):
            self.check(named[1], line)
        elif found := uuids(line):
            self.strangers.append(f"nobody must see {found}: {line}")
        self.lines["lines of the log"] += 1
        self.lines["reports"] += "a report of ['" in line

    def flush(self) -> None:
        """Do nothing. A stream has this method."""


class Client:
    """It sends one request after another, for any tenant, and checks each response."""

    known: defaultdict[tuple[str, Tenant | None], list[str]] = defaultdict(list)
    """The customers, orders and cursors that a tenant has seen. All clients share it."""

    def __init__(self, http: httpx.AsyncClient, watch: Watch, dice: random.Random) -> None:
        self.http, self.watch, self.dice = http, watch, dice
        self.tenant: Tenant | None = None
        self.seen: Counter[str] = Counter()

    @property
    def own(self) -> str:
        return str(self.tenant.id) if self.tenant else "nobody"

    def some(self, kind: str) -> str:
        """Return a customer, an order or a cursor of the tenant, or of another one."""
        known = self.known[kind, self.dice.choice([*TENANTS, self.tenant, self.tenant])]
        return known[-self.dice.randint(1, min(len(known), 5))] if known else str(uuid.uuid4())

    def row(self) -> dict[str, str]:
        return {"email": self.dice.choice(EMAILS), "note": self.own}

    async def send(self, path: str, *statuses: int, **given: Any) -> httpx.Response:
        """Send a request such as `GET /customers`. Each one may lose its connection to the database."""
        method, url = path.split(" ")
        request_id = f"{self.own}_{self.dice.getrandbits(64)}"
        headers = as_tenant(self.tenant) | {"X-Request-ID": request_id} | given.pop("headers", {})
        self.watch.requests[request_id] = (self.tenant, uuids(f"{url} {given}"))
        self.seen[re.sub(r"/[\w-]{36}|\?.*", "", path)] += 1
        answer = await self.http.request(method, url, headers=headers, **given)
        self.seen[f"status {answer.status_code}"] += 1
        self.watch.check(request_id, f"{answer.headers} {answer.text}")
        assert answer.status_code in {*statuses, 503}, (path, answer.text)
        return answer

    async def work(self, requests: int) -> None:
        """Send so many requests."""
        for _ in range(requests):
            self.tenant, steps = self.dice.choice(TENANTS), QUIET
            if self.dice.random() < 0.1:
                self.tenant, steps = None, WITHOUT
            elif self.dice.random() < 0.15:
                steps = FAULTS
            try:
                await self.dice.choice(steps)(self)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                # A stream or a background task failed, so the server closed the connection.
                self.seen["broken off"] += 1
            assert not self.watch.strangers


Step = Callable[[Client], Awaitable[object]]


async def add(client: Client) -> None:
    answer = await client.send("POST /customers", 201, 409, json=client.row())
    if answer.status_code == 201:
        key = answer.headers["Location"].removeprefix("/customers/")
        assert (answer.json()["id"], answer.json()["note"]) == (key, client.own)
        client.known["customer", client.tenant].append(key)
    elif answer.status_code == 409:
        assert answer.json()["errors"].keys() == {"email"}


async def get(client: Client) -> None:
    key = client.some("customer")
    answer = await client.send(f"GET /customers/{key}", 200, 404)
    if answer.status_code == 200:
        assert client.watch.tenants[key] == client.tenant


async def delete(client: Client) -> None:
    key = client.some("customer")
    answer = await client.send(f"DELETE /customers/{key}", 204, 404)
    if answer.status_code == 204:
        assert client.watch.tenants[key] == client.tenant


async def page(client: Client) -> None:
    cursor = f"&cursor={client.some('cursor')}" if client.known["cursor", client.tenant] else ""
    answer = await client.send(f"GET /customers?limit=2{cursor}", 200, 422)
    if answer.status_code == 200:
        items = answer.json()["items"]
        assert {each["note"] for each in items} <= {client.own}
        client.known["customer", client.tenant] += [each["id"] for each in items]
        if found := answer.json()["next"]:
            client.known["cursor", client.tenant].append(found)


async def count(client: Client) -> None:
    answer = await client.send(f"GET /counts/{client.own}", 200)
    if answer.status_code == 200:
        everything, own = answer.json()
        assert everything == own <= len(EMAILS)


async def order(client: Client) -> None:
    key = client.some("customer")
    answer = await client.send(f"POST /orders?customer={key}", 201, 409)
    if answer.status_code == 201:
        assert client.watch.tenants[key] == client.tenant
        client.known["order", client.tenant].append(answer.json())


async def change_order(client: Client) -> None:
    key, etag = client.some("order"), client.dice.choice(['"1"', '"2"', "*"])
    answer = await client.send(f"PATCH /orders/{key}", 204, 404, 412, headers={"If-Match": etag})
    if answer.status_code != 404 and answer.status_code != 503:
        assert client.watch.tenants[key] == client.tenant
    if answer.status_code == 404:
        assert "etag" not in answer.headers


async def put(client: Client) -> None:
    answer = await client.send("PUT /customers", 200, json=client.row())
    assert answer.status_code != 200 or answer.json() >= 2


async def give(client: Client) -> None:
    other = client.dice.choice([each for each in TENANTS if each != client.tenant])
    await client.send(f"POST /gifts/{other.id}", 403, json=client.row())


async def export(client: Client) -> None:
    answer = await client.send("GET /export", 200)
    assert answer.status_code != 200 or {*answer.text.split()[1::2]} <= {client.own}


async def report(client: Client) -> None:
    await client.send("POST /reports", 202)


async def fail(client: Client) -> None:
    await client.send(f"GET /faults/{client.dice.choice(['division', 'own', 'others'])}", 422, 500)


async def leave(client: Client) -> None:
    """Wait for the response for a short time only."""
    path = client.dice.choice(["GET /slow", "GET /export", "POST /reports", "PUT /customers"])
    given = {"json": client.row()} if path.startswith("PUT") else {}
    try:
        async with asyncio.timeout(client.dice.random() / 50):
            await client.send(path, 200, 202, **given)
    except TimeoutError:
        client.seen["the client left"] += 1


async def leave_a_stream(client: Client) -> None:
    headers = as_tenant(client.tenant) | {"X-Request-ID": f"{client.own}_left"}
    client.watch.requests[headers["X-Request-ID"]] = (client.tenant, set())
    async with client.http.stream("GET", "/export", headers=headers):
        client.seen["the client left a stream"] += 1


async def need_a_tenant(client: Client) -> None:
    for path in ("GET /customers", f"GET /customers/{client.some('customer')}"):
        answer = await client.send(path, 401)
        assert answer.status_code == 503 or answer.headers["WWW-Authenticate"] == "Bearer"


async def count_nothing(client: Client) -> None:
    answer = await client.send("GET /open", 200)
    assert answer.status_code == 503 or answer.json() == 0


QUIET: list[Step] = [
    *(add, add, get, get, delete, page, page, count, order, order, change_order, put, give),
    *(export, report),
]
FAULTS: list[Step] = [fail, leave, leave_a_stream]
WITHOUT: list[Step] = [need_a_tenant, count_nothing]
