"""Each error has a status. A response tells the client no secret."""

import inspect
import re
from typing import Any

import httpx
import pytest

from shop.db import errors
from shop.models import Post
from tests.proofs.fastapi.sites import Site

STATUSES = {
    "InvalidCursor": 422,
    "InvalidInput": 422,
    "ClientError": 422,
    "NotFound": 404,
    "StaleData": 409,  # without If-Match
    "ConstraintViolation": 422,
    "NotNullViolation": 422,
    "CheckViolation": 422,
    "ForeignKeyViolation": 409,
    "UniqueViolation": 409,
    "ExclusionViolation": 409,
    "TransientError": 503,
    "SerializationFailure": 503,
    "DeadlockDetected": 503,
    "ConnectionFailure": 503,
    "ConnectionRejected": 503,
    "LockNotAvailable": 503,
    "QueryCanceled": 503,
    "PoolTimeout": 503,
    "DataException": 422,
}
CLASSES = [
    name
    for name, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, errors.Error)
]


@pytest.mark.parametrize("name", CLASSES)
async def test_every_error_becomes_a_problem_without_secrets(
    isolated_site: Site, name: str
) -> None:
    answer = await isolated_site.client.get(f"/errors/{name}")

    status = STATUSES.get(name, 500)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("Retry-After" in answer.headers) == (status == 503)
    if not issubclass(getattr(errors, name), errors.ClientError):  # written for clients
        for secret in ("secret", "srv", "db.example"):
            assert secret not in answer.text


async def test_a_409_names_the_field_whose_value_is_taken(
    isolated_site: Site,
) -> None:
    assert (await isolated_site.client.post("/users/ada")).status_code == 201

    answer = await isolated_site.client.post("/users/ada")

    assert answer.status_code == 409
    assert answer.json()["errors"] == {"username": errors.UniqueViolation.summary}
    assert "uq_" not in answer.text


async def test_a_422_names_each_invalid_field_without_its_value(
    isolated_site: Site,
) -> None:
    answer = await isolated_site.client.post("/moves", json={"sender": "hunter2", "amount": []})

    assert answer.status_code == 422
    assert answer.json()["errors"].keys() == {"body.sender", "body.recipient", "body.amount"}
    assert "hunter2" not in answer.text
    broken = await isolated_site.client.post(
        "/moves", content="{", headers={"content-type": "application/json"}
    )
    assert broken.status_code == 422


async def test_a_refusal_of_the_framework_is_a_problem_too(isolated_site: Site) -> None:
    missing = await isolated_site.client.get("/nowhere")
    method = await isolated_site.client.delete("/moves")
    refused = await isolated_site.client.post(f"/refused/{isolated_site.users[0]}/a")

    assert [each.json()["status"] for each in (missing, method, refused)] == [404, 405, 418]
    assert method.headers["Allow"] == "POST"


async def test_each_problem_is_in_the_openapi_document(isolated_site: Site) -> None:
    document = (await isolated_site.client.get("/openapi.json")).json()

    assert "HTTPValidationError" not in str(document)
    for path, operations in document["paths"].items():
        if path.startswith("/health"):
            continue
        for operation in operations.values():
            for status in ("404", "409", "422", "500", "503"):
                response = operation["responses"][status]
                [media] = response["content"].items()
                assert media[0] == "application/problem+json"
                assert media[1]["schema"] == {"$ref": "#/components/schemas/Problem"}
                headers = {"X-Request-ID"} | ({"Retry-After"} if status == "503" else set())
                assert response["headers"].keys() == headers
    problem = document["components"]["schemas"]["Problem"]
    assert problem["required"] == ["title", "status", "detail"]


async def test_pages_have_links_and_limits(isolated_site: Site) -> None:
    author = isolated_site.users[0]
    async with isolated_site.database.unit_of_work() as uow:
        posts = [Post(author_id=author, title=str(n), body="", published=True) for n in range(7)]
        await uow.posts.add_many(posts)
    client = isolated_site.client
    page = await client.get("/pages?limit=3")
    seen = titles(page)
    while url := links(page).get("next"):
        assert [*httpx.URL(url).params] == ["limit", "cursor"]
        assert len(httpx.URL(url).params.get_list("cursor")) == 1
        page = await client.get(url)
        seen += titles(page)

    assert sorted(seen) == [str(n) for n in range(7)]
    back = await client.get(links(page)["prev"])
    assert titles(back) == seen[3:6]
    for wrong in ("limit=0", "limit=101", "limit=x", "cursor=forged"):
        assert (await client.get(f"/pages?{wrong}")).status_code == 422


def titles(response: httpx.Response) -> list[str]:
    return [each["title"] for each in response.json()["items"]]


def links(response: httpx.Response) -> dict[str, Any]:
    found = re.findall(r'<([^>]+)>; rel="(\w+)"', response.headers.get("Link", ""))
    return {name: url for url, name in found}
