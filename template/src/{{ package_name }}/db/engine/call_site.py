"""The call site of a connection or a statement: file, line and function of the program.

SQLAlchemy runs in its own greenlet. The frames of its callers belong to the parent greenlet, and only
those are read: it takes time to read the many frames of SQLAlchemy.

Limits: `asyncio.create_task(session.execute(…))` has no call site, because no frame of the program
awaits that coroutine.
"""

import sys
from types import CodeType, FrameType
from typing import NamedTuple

import greenlet

_LAYER = __name__.removesuffix(".engine.call_site")
_SKIPPED = ("sqlalchemy.", "asyncio.", "contextlib", "stamina.", f"{_LAYER}.")
# Below these frames there is only main().
_LOOP = ("asyncio.events", "asyncio.runners")

# Functions of libraries, by id: the hash of code would read all of its constants. Below a statement they
# are the same each time.
_skipped: dict[int, CodeType] = {}


class CallSite(NamedTuple):
    """A line of code. Creating one takes about a microsecond, and reads no source file."""

    code: CodeType
    line: int

    def __str__(self) -> str:
        return f"{self.code.co_filename}:{self.line} {self.code.co_qualname}"


def find_call_site() -> CallSite | None:
    """Return the innermost caller that is neither in a library nor in the data layer.

    For code that SQLAlchemy calls, such as that of `run_sync`, it is the line that awaits SQLAlchemy.
    """
    caller = greenlet.getcurrent().parent
    frame: FrameType | None = caller.gr_frame if caller else sys._getframe(1)
    while frame is not None:
        if id(frame.f_code) not in _skipped:
            module = str(frame.f_globals.get("__name__"))
            if module in _LOOP:
                return None
            if not module.startswith(_SKIPPED):
                return CallSite(frame.f_code, frame.f_lineno)
            _skipped[id(frame.f_code)] = frame.f_code  # kept, so that the id stays its own
        frame = frame.f_back
    return None
