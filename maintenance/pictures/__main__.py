"""Draw the pictures of the documents again: `just pictures`."""

import tempfile
from pathlib import Path

from tests.helpers import NO_DOCKER, ROOT, render_project, run, snapshot

from . import first_minute, house, schema

PICTURES = ROOT / "docs/pictures"


def main() -> None:
    """Render a project, and write the pictures of it."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)  # if root calls, PostgreSQL runs as nobody
        project = render_project(snapshot(directory / "template"), directory / "shop")
        run(["uv", "sync", "--quiet"], project)
        output = first_minute.stable(
            run(["uv", "run", "--quiet", "just", "demo"], project, **NO_DOCKER)
        )
        (PICTURES / "first-minute.txt").write_text(output)
        (PICTURES / "first-minute.svg").write_text(first_minute.draw(output))
        (PICTURES / "house.svg").write_text(house.draw(project))
        (PICTURES / "schema.svg").write_text(schema.draw(schema.describe(project)))


if __name__ == "__main__":
    main()
