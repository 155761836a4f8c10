"""Follow docs/start.md exactly."""

import re
import socket
from pathlib import Path

import pytest

from tests.helpers import NO_DOCKER, edit, just, publish, run, snapshot
from tests.snippets import snippet

pytestmark = pytest.mark.slow

DOCUMENT = "docs/start.md"
RENDER, DATABASE, LINE, CHANGE, STOP = RUN = [
    snippet(DOCUMENT, words)
    for words in ("copier copy", "just seed", "city: Mapped", "just revision", "just db down")
]


def test_the_first_steps_can_be_followed(
    open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")
    publish(snapshot(open_directory / "template"), "v1.0.0")
    run(["sh", "-e", "-c", RENDER.code.replace("uvx ", "")], open_directory)
    shop = open_directory / "shop"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    example = shop / ".env.example"
    example.write_text(example.read_text().replace("5432", port))
    try:
        assert "wrote .env" in run(["sh", "-e", "-c", DATABASE.code], shop, **NO_DOCKER)
        bio = "    bio: Mapped[str | None]\n"
        edit(shop / "src/shop/models/user.py", bio, bio + f"    {LINE.code.strip()}\n")
        output = run(["sh", "-e", "-c", CHANGE.code], shop)
        assert "add_a_user_s_city.py" in output
        assert re.search(r"\(current\).*add a user's city|add a user's city.*current", output)
        [revision] = (shop / "migrations/versions").glob("*add_a_user_s_city.py")
        assert 'phase = "expand"' in revision.read_text()
    finally:
        stopped = just(shop, "db", "down", **NO_DOCKER)
    assert STOP.code.strip() == "uv run just db down"
    assert "stopped" in stopped
