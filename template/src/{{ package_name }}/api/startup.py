"""If the service does not start, the log has the reason in one sentence, without a traceback."""

import sys

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..db.errors import SchemaMismatch, SettingsError


class StartupError:
    """A middleware that logs one sentence for an error at startup that a person can correct.

    There are two such errors: a missing or malformed setting, and a schema that is older than the code.
    Other errors keep their traceback.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application. If its startup fails, the server logs the message."""

        async def in_one_sentence(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                error = sys.exception()  # Starlette sends the message while it handles the error
                if isinstance(error, SchemaMismatch | SettingsError):
                    message["message"] = str(error)
            await send(message)

        await self._app(scope, receive, in_one_sentence if scope["type"] == "lifespan" else send)
