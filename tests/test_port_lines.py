"""Edited lines find their place in a `.jinja` file, or a sentence says that it is not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from maintenance.lines import mark, rewrite, unmark

JINJA = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
ANSWERS = {"package_name": "shop", "python_version": "3.11", "example": True, "docker": False}
SOURCE = """\
from {{ package_name }}.db import Database

prefix = "{{ package_name | upper }}_"
python = ">={{ python_version }}"
{% if example %}
first = 1
second = 2
{% endif %}
    {% if docker %}
image = 1
    {% endif %}
last = 3{% if docker %}, 4{% endif %} # and more
end = 5
"""


def render(source: str) -> str:
    return JINJA.from_string(source).render(ANSWERS)


def rewritten(edited: str, source: str = SOURCE) -> tuple[str, list[str]]:
    return rewrite(source, unmark(render(mark(source))), edited, "shop")


def test_numbers_do_not_change_the_lines() -> None:
    assert "".join(line.text for line in unmark(render(mark(SOURCE)))) == render(SOURCE)


@pytest.mark.parametrize(
    ("old", "new", "source"),
    [
        ("import Database\n", "import Base\n", "from {{ package_name }}.db import Base\n"),
        ("\nprefix", "import shop.x\n\nprefix", "import {{ package_name }}.x\n"),
        ('"SHOP_"', "'SHOP_'", "prefix = '{{ package_name | upper }}_'\n"),
        ('">=3.11"', '"==3.11"', 'python = "=={{ python_version }}"\n'),
        ("first = 1\n", "first = 0\n", "{% if example %}\nfirst = 0\nsecond"),
        ("second = 2\n", "second = 0\n", "second = 0\n{% endif %}\n"),
        ("second", "between = 0\nsecond", "first = 1\nbetween = 0\nsecond"),
        ("first = 1\n", "", "{% if example %}\nsecond"),
        ("end = 5\n", "end = 6\nshop = 7", "end = 6\n{{ package_name }} = 7"),
    ],
)
def test_an_edit_is_made_in_the_source(old: str, new: str, source: str) -> None:
    text = render(SOURCE)
    assert text.count(old) == 1
    edited = text.replace(old, new)

    result, failures = rewritten(edited)

    assert failures == []
    assert source in result
    assert render(result) == edited


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('">=3.11"', '">=3"', "the value of {{ python_version }} is not in them"),
        ("second = 2\n", "second = 2\nthird = 3\n", "a tag of Jinja is beside them"),
        ("second = 2\n", "second = 0\nthird = 3\n", "a tag of Jinja is beside them"),
        ('.11"\nfirst = 1\n', '.11" #\nfirst = 0\n', "a tag of Jinja is between the lines"),
        ("last = 3", "last = 4", "a tag of Jinja is inside of the line"),
        ("end = 5\n", "end = 5 # {{ }}\n", "Jinja would read their braces"),
    ],
)
def test_an_edit_without_a_place_is_named_and_the_other_edits_are_made(
    old: str, new: str, reason: str
) -> None:
    text = render(SOURCE)
    assert text.count(old) == 1
    edited = text.replace(old, new).replace("Database", "Base")

    result, [failure] = rewritten(edited)

    assert reason in failure
    assert result == SOURCE.replace("Database", "Base")


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        ("{{ 'one\\ntwo' }}\n", [0, None]),
        ("one {% if example %}\ntwo\n{% endif %}", [None]),
    ],
)
def test_a_line_that_does_not_come_from_one_line_has_no_number(
    source: str, numbers: list[int | None]
) -> None:
    assert [line.number for line in unmark(render(mark(source)))] == numbers


lines = st.lists(st.sampled_from(["a\n", "b\n", "shop\n", "shop 3.11\n", "\n"]), max_size=4)
texts = st.sampled_from(["a\n", "b\n", "\n", "{{ package_name }}\n", "{{ package_name }} 3.11\n"])
block = st.lists(texts, min_size=1, max_size=3).map("".join)
blocks = st.one_of(
    block,
    block.map("{{% if example %}}\n{}{{% endif %}}\n".format),
    block.map("{{% if docker %}}\n{}{{% endif %}}\n".format),
)


@given(st.lists(blocks, max_size=5).map("".join), st.data())
def test_an_edit_that_is_not_named_is_in_the_source(source: str, data: st.DataObject) -> None:
    edited = render(source).splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(edited)))
        edited[place : place + data.draw(st.integers(0, 2))] = data.draw(lines)

    result, failures = rewritten("".join(edited), source)

    assert failures or render(result) == "".join(edited)
    assert result.count("{%") == source.count("{%")
