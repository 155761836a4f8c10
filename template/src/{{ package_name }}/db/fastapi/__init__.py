"""The database in a FastAPI application. A 2xx means that the transaction is committed.

::

    app = FastAPI(lifespan=lifespan, responses=problem_responses(422, 500, 503))
    install(app, Base.metadata)

    @router.post("/users", status_code=201, responses=problem_responses(409))
    async def add_user(uow: Work, given: NewUser) -> UserOut: ...

=========================================================  ===============================
To                                                         read
=========================================================  ===============================
build an application, open its database, shut it down      `application.py`
give a route its transaction                               `unit_of_work.py`
run a route again after a deadlock                         `retried_route.py`
turn an error into an answer                               `problems.py`
refuse a change of an old version: ETag, If-Match          `etag.py`
send a page of a list                                      `page_links.py`
tell whether the service is alive and ready                `health.py`, `schema_state.py`
log requests, with their ids and their statements          `request_log.py`
=========================================================  ===============================
"""

from .application import install, serving
from .etag import IfMatch, check_if_match, set_etag
from .page_links import PageOf, PageParameters, Paging, set_page_links
from .problems import problem_responses
from .retried_route import RetriedRoute
from .settings import WebSettings
from .unit_of_work import get_database, transaction_options, unit_of_work_dependency

__all__ = [
    "IfMatch",
    "PageOf",
    "PageParameters",
    "Paging",
    "RetriedRoute",
    "WebSettings",
    "check_if_match",
    "get_database",
    "install",
    "problem_responses",
    "serving",
    "set_etag",
    "set_page_links",
    "transaction_options",
    "unit_of_work_dependency",
]
