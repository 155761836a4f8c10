"""How long a test with `isolated` takes, compared with a test of another fixture."""

import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.proofs.support import prices


def test_the_price_of_a_test_with_isolated_is_measured(
    postgres_url: URL,
    pytestconfig: pytest.Config,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    report = tmp_path / "report.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", prices.__file__],
        cwd=pytestconfig.rootpath,
        env={**os.environ, "TEST_DATABASE_URL": postgres_url.render_as_string(False)},
        check=True,
    )
    times = defaultdict(list)
    for name, seconds in re.findall(r'name="test_with_(\w+)\[.*?time="(.*?)"', report.read_text()):
        times[name].append(float(seconds))
    median = {name: statistics.median(each) for name, each in times.items()}

    for other in ("uow", "database"):
        ratio = median["isolated"] / median[other]
        record_property(f"time of a test with `isolated`, divided by `{other}`", f"{ratio:.2f}")
