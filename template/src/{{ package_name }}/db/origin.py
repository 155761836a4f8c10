"""Where in the program a connection was taken, or a statement came from: file, line, function.

SQLAlchemy runs in a greenlet of its own, so the frames of who called it hang on the parent greenlet.
A coroutine that was made into a task right away has no such place: nobody waits for it by name.
"""

import sys
from types import CodeType, FrameType
from typing import NamedTuple

import greenlet

_SKIPPED = ("sqlalchemy.", "asyncio.", "contextlib", "stamina.", f"{__name__.rpartition('.')[0]}.")
_LOOP = ("asyncio.events", "asyncio.base_events", "asyncio.runners")  # below them is only main()


class Origin(NamedTuple):
    """A line of code. To make one costs about a microsecond; no source is read."""

    code: CodeType
    line: int

    def __str__(self) -> str:
        return f"{self.code.co_filename}:{self.line} {self.code.co_qualname}"


def find_origin() -> Origin | None:
    """Return the innermost caller that is neither a library nor the data layer, if there is one."""
    current: greenlet.greenlet | None = greenlet.getcurrent()
    frame: FrameType | None = sys._getframe(1)
    while current is not None:
        while frame is not None:
            module = str(frame.f_globals.get("__name__"))
            if module in _LOOP:
                return None
            if not module.startswith(_SKIPPED):
                return Origin(frame.f_code, frame.f_lineno)
            frame = frame.f_back
        current = current.parent
        frame = current.gr_frame if current is not None else None
    return None
