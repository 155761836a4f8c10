"""The table of updates counts what tests recorded."""

from collections import Counter

from tests.update_table import table


def test_the_table_has_a_block_for_each_release_and_a_dot_for_what_did_not_run() -> None:
    counts = Counter({("0.1.0", "few", "a model"): 2, ("0.2.0", "few", "a command"): 1})

    assert [*table(counts)] == [
        "from 0.1.0  few",
        "a model      2",
        "a command    .",
        "from 0.2.0  few",
        "a model      .",
        "a command    1",
        "3 in all, and no edit was lost",
    ]
