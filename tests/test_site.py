"""The documents are a website: each page is in the navigation, each link has a target, and no page needs
another host."""

import re
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.helpers import ROOT, run
from tests.requirements import chromium
from tests.service import PLAYWRIGHT

CONFIGURATION = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
PAGES = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]

# Chromium shows these in CI: wide tables, long code, pictures.
SHOWN = [".", "coming-from", "decisions", "patterns/association-tables", "questions"]


class Anchors(HTMLParser):
    """The targets of the links of a page, and what links may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.names.add(given.get("id") or given.get("name") or "")
        self.links += [given.get(name) or "" for name in ("href", "src") if name in given]
        if tag != "a":
            self.loaded += self.links[-1:] if {"href", "src"} & given.keys() else []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the built site."""
    directory = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", directory / "docs")
    for name in ("zensical.toml", "justfile"):
        shutil.copy(ROOT / name, directory)
    output = run(["just", "site"], directory)
    assert "No issues found" in output
    return directory / "site"


def entries(navigation: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the pages of a navigation in their order."""
    for entry in navigation:
        [target] = entry.values()
        yield from [target] if isinstance(target, str) else entries(target)


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(entries(CONFIGURATION["nav"])) == sorted(PAGES)


def test_the_builder_is_pinned_to_one_version() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    [requirement] = groups["site"]

    assert re.fullmatch(r"zensical==[\d.]+", requirement)
    assert f"\n{requirement} " in (ROOT / "requirements.lock").read_text()


@pytest.mark.requires("zensical")
def test_each_link_of_the_site_has_a_target(site: Path) -> None:
    pages = {path: Anchors(path.read_text()) for path in site.rglob("*.html")}

    assert len(pages) == len(PAGES) + 1  # the other one is the page for a wrong address
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links begin at the root of the server
        for link in page.links:
            url = urlsplit(link)
            if url.scheme:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), (path, link)
            if url.fragment and target in pages:
                assert unquote(url.fragment) in pages[target].names, (path, link)


@pytest.mark.requires("zensical")
def test_no_page_loads_a_file_of_another_host(site: Path) -> None:
    for path in site.rglob("*.html"):
        loaded = Anchors(path.read_text()).loaded
        assert loaded
        assert [each for each in loaded if urlsplit(each).netloc] == [], path


@pytest.mark.slow
@pytest.mark.requires("zensical", "chromium")
def test_pages_are_shown_without_a_network_and_fit_their_screen(site: Path, tmp_path: Path) -> None:
    with served(site) as url:
        program = [*PLAYWRIGHT, "python", str(ROOT / "tests/drive_site.py")]
        output = run([*program, str(chromium()), url, str(tmp_path), *SHOWN], tmp_path)

    assert output.splitlines() == []
    assert len([*tmp_path.rglob("*.png")]) == 2 * len(SHOWN)


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory, and yield its URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=directory)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_code_in_a_list_is_indented_by_four_spaces() -> None:
    for name in PAGES:  # with fewer spaces, the site ends the list, and the next item is 1 again
        assert not re.search(r"(?m)^ {1,3}```", (ROOT / "docs" / name).read_text()), name
