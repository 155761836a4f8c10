"""A route that runs again: what runs again with it, and what never does.

`RetriedRoute` needs two stacks that FastAPI keeps in the scope of a request. These tests fail when
FastAPI does not use them any more.
"""

import asyncio

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


async def test_each_attempt_has_the_body_and_its_own_dependencies(isolated_site: Site) -> None:
    answer = await isolated_site.client.post("/retried-bodies", content="text")

    assert answer.json() == "text"
    assert isolated_site.app.state.runs == 3
    # A dependency of an attempt that failed ends before the next attempt begins.
    assert noted(isolated_site) == ["begin", "end"] * 3


async def test_an_upload_never_runs_again(isolated_site: Site) -> None:
    answer = await isolated_site.client.post("/uploads", files={"file": b"content"})

    assert answer.status_code == 503
    assert isolated_site.app.state.runs == 1


async def test_all_attempts_of_a_dependency_that_ends_after_the_response_commit_once(
    isolated_site: Site,
) -> None:
    """The default scope is wrong for a unit of work, but it must not leave one open."""
    path = f"/late-retried/{isolated_site.users[0]}"

    assert (await isolated_site.client.post(path)).json() == 2

    assert await isolated_site.titles() == ["2"]
