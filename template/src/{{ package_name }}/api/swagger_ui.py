"""The page `/docs`. It loads no files from other hosts. FastAPI's own page loads its scripts from a CDN.

The wheel of `fastapi-standalone-docs` has the files of Swagger UI. A Content-Security-Policy forbids
inline scripts and other hosts, so a value in the OpenAPI document cannot run as code.

::

    app = FastAPI(docs_url=None, redoc_url=None)
    add_swagger_ui(app)

The links are relative, so the page also works behind a proxy that adds a prefix.

Limits: the page sends requests to its own host only. It supports the password log-in of OAuth2, HTTP
authentication and API keys. It does not support a log-in at another host.
"""

from html import escape

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title}</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
"""
_START = """\
SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true });
"""


def add_swagger_ui(app: FastAPI) -> None:
    """Serve `/docs` and its files. Give the application `docs_url=None`, and no `openapi_url`."""
    page = _PAGE.format(title=escape(app.title))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    files = StaticFiles(packages=[("fastapi_standalone_docs", "static/swagger")])
    app.mount("/docs", files)
