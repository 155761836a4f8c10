"""The pictures of the documents show the project as it is. `just pictures` draws them again.

`test_own_recipes.py` compares the text of the first one with what the README's command prints.
"""

import re
from pathlib import Path

import pytest

from maintenance.pictures import first_minute, house, schema
from tests.helpers import ROOT

PICTURES = ROOT / "docs/pictures"


def picture(name: str) -> str:
    return (PICTURES / name).read_text()


def test_the_first_minute_shows_the_readmes_command_and_its_output() -> None:
    readme = (ROOT / "README.md").read_text()

    for command in first_minute.COMMANDS:
        assert command in readme
    assert first_minute.draw(picture("first-minute.txt")) == picture("first-minute.svg")


def test_the_house_has_the_rooms_of_the_project(project: Path) -> None:
    assert house.draw(project) == picture("house.svg")


@pytest.mark.slow
def test_the_pictures_are_those_of_the_project(shop: Path) -> None:
    assert schema.draw(schema.describe(shop)) == picture("schema.svg")


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_needs_no_other_host_and_has_a_title(path: Path) -> None:
    text = path.read_text()

    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "<title>" in text
