"""A request has one span, and one more span for each of its statements."""

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.metrics.export import NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from shop.db.opentelemetry import observe
from tests.proofs.opentelemetry.conftest import CONFLICT, Site


def trace_of(site: Site) -> tuple[ReadableSpan, Sequence[ReadableSpan]]:
    """Return the span of the request, and the spans of its statements in their order."""
    spans = site.spans.get_finished_spans()
    [request] = [span for span in spans if span.kind is SpanKind.SERVER]
    return request, [span for span in spans if span is not request]


def times(span: ReadableSpan) -> tuple[int, int]:
    """Return the beginning and the end of a span, in nanoseconds."""
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time, span.end_time


def figures(site: Site) -> dict[tuple[str, object], int | float]:
    """Return the figures of the pool by their names and states."""
    pool = site.app.state.database.settings.application_name
    data = site.metrics.get_metrics_data()
    assert data is not None
    return {
        (metric.name, (point.attributes or {}).get("db.client.connection.state")): point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
        and (point.attributes or {}).get("db.client.connection.pool.name") == pool
    }


@pytest.mark.parametrize("count", [0, 1, 7])
async def test_a_request_has_one_span_and_one_more_for_each_statement(
    site: Site, count: int
) -> None:
    answer = await site.client.get(f"/statements/{count}")

    assert answer.status_code == 200
    assert len(site.spans.get_finished_spans()) == count + 1
    request, statements = trace_of(site)
    assert request.name == "GET /statements/{count}"
    for span in statements:
        assert (span.name, span.kind, span.status.status_code) == (
            "SELECT",
            SpanKind.CLIENT,
            StatusCode.UNSET,
        )
        assert span.parent is not None
        assert request.context is not None
        assert span.parent.span_id == request.context.span_id
        assert span.attributes is not None
        assert span.attributes["db.query.text"] == "SELECT 1 -- and more"
        assert span.attributes["db.system.name"] == "postgresql"
        (begin, end), (first, last) = times(request), times(span)
        assert begin <= first < last <= end


async def test_a_database_that_is_observed_again_has_no_more_spans(site: Site) -> None:
    observe(site.app.state.database)

    await site.client.get("/statements/1")

    assert len(site.spans.get_finished_spans()) == 2


async def test_the_spans_of_a_route_of_the_example_have_no_values(
    site: Site,
) -> None:
    given = {"email": "ada@example.com", "username": "ada", "password": "correct horse battery"}
    await site.client.post("/users", json=given)

    request, statements = trace_of(site)
    assert request.name == "POST /users"
    assert "INSERT" in {span.name for span in statements}
    for span in [request, *statements]:
        assert "ada" not in str(span.attributes)
        assert "horse" not in str(span.attributes)


async def test_a_statement_that_fails_has_the_code_of_its_error(site: Site) -> None:
    await site.client.post("/queries/SELECT nothing")

    request, [statement] = trace_of(site)
    assert statement.status.status_code is StatusCode.ERROR
    assert statement.attributes is not None
    assert statement.attributes["error.type"] == "42703"
    assert request.status.status_code is StatusCode.ERROR


async def test_an_empty_statement_has_a_span_without_a_name(site: Site) -> None:
    assert (await site.client.post("/queries/ ")).status_code == 200

    _, [statement] = trace_of(site)
    assert statement.name == ""


async def test_a_slow_statement_is_an_event_of_its_request(site: Site) -> None:
    await site.client.post("/queries/SELECT pg_sleep(0.6)")

    request, [statement] = trace_of(site)
    [event] = request.events
    assert event.name == "slow statement"
    assert event.attributes is not None
    assert event.attributes["db.query.text"] == "SELECT pg_sleep(0.6)"
    begin, end = times(statement)
    assert end - begin > 600_000_000


async def test_a_transaction_that_runs_again_is_an_event_of_its_request(site: Site) -> None:
    answer = await site.client.post("/conflicts")

    assert answer.status_code == 200
    request, statements = trace_of(site)
    [event] = request.events
    assert event.name == "retry"
    assert event.attributes == {"attempt": 1, "error.type": "SerializationFailure"}
    texts = [span.attributes["db.query.text"] for span in statements if span.attributes]
    assert texts == [CONFLICT, "SELECT 2"]


async def test_the_pool_has_its_figures(site: Site) -> None:
    await site.client.get("/statements/1")
    async with site.app.state.database.engine.connect():
        during = figures(site)
    after = figures(site)

    name = "db.client.connection"
    assert (during[f"{name}.count", "used"], after[f"{name}.count", "used"]) == (1, 0)
    assert after[f"{name}.count", "idle"] >= 1
    assert after[f"{name}.max", None] == 10
    assert after[f"{name}.timeouts", None] == 0
