"""The parts of a route that run again, and the parts that never do.

`RetriedRoute` needs two stacks that FastAPI keeps in the scope of a request. If a version of FastAPI does
not use them, these tests fail.
"""

import asyncio

import pytest

from tests.proofs.fastapi.sites import Site
from tests.proofs.support.faults import credits_by_user


def noted(site: Site) -> list[object]:
    queue: asyncio.Queue[object] = site.app.state.noted
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def test_background_tasks_of_attempts_that_failed_are_dropped(isolated_site: Site) -> None:
    order = isolated_site.order(amount=10, faults=2)

    assert (await isolated_site.client.post("/retried-moves", json=order)).json() == 3

    assert noted(isolated_site) == [3]
    assert list((await credits_by_user(isolated_site.database)).values()) == [990, 1010]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_each_attempt_has_the_body_and_its_own_dependencies(
    isolated_site: Site, method: str
) -> None:
    answer = await isolated_site.client.request(method, "/retried-bodies", content="text")

    assert answer.json() == "text"
    assert isolated_site.app.state.runs == 3
    # The dependencies of a failed attempt end before the next attempt begins.
    assert noted(isolated_site) == ["begin", "end"] * 3


@pytest.mark.parametrize("path", ["/uploads", "/forms"])
async def test_an_upload_never_runs_again(isolated_site: Site, path: str) -> None:
    """Otherwise the second attempt would read an empty file, and a 2xx would commit the wrong content."""
    answer = await isolated_site.client.post(path, files={"file": b"content"})

    assert answer.status_code == 503
    assert isolated_site.app.state.runs == 1


async def test_all_attempts_of_a_dependency_that_ends_after_the_response_commit_once(
    isolated_site: Site,
) -> None:
    """FastAPI's default scope is wrong for a unit of work, but it must not leave a unit of work open."""
    path = f"/late-retried/{isolated_site.users[0]}"

    assert (await isolated_site.client.post(path)).json() == 2

    assert await isolated_site.titles() == ["2"]
