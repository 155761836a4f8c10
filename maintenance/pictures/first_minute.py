"""What a terminal shows when somebody follows the README: its first command, and the demo."""

import io
import re

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

# rich's own format names a font of another host.
FORMAT = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>The first minute</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, monospace; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
COMMANDS = [
    'uvx copier copy --defaults --vcs-ref HEAD "$PWD" ../shop',
    "uv run --directory ../shop just demo",
]
BEGIN = "DATABASE_URL is not set"


def stable(output: str) -> str:
    """Return the output of the demo without what differs from run to run."""
    text = BEGIN + output.partition(BEGIN)[2].rstrip()
    text = re.sub(r"UUID\('[0-9a-f]{8}-[^']*'\)", "UUID('…')", text)
    text = re.sub(r"\b(ada|bob)-[0-9a-f]{4}\b", r"\1-1a2b", text)
    text = re.sub(r"\d+\.\d\d s", "0.10 s", text)
    return re.sub(r"PostgreSQL \d+\.\d+", "PostgreSQL 18", text) + "\n"


def draw(output: str) -> str:
    """Return the picture of a terminal with the commands and the output."""
    console = Console(width=100, record=True, file=io.StringIO(), highlight=False)
    for command in COMMANDS:
        console.print(Text(f"$ {command}", style="bold green"))
    before = "x"
    for line in output.splitlines():
        step = not before and not line.startswith("Done")
        style = (
            "bold cyan" if step else "yellow" if re.match(r"\w+(Violation|Credits):", line) else ""
        )
        console.print(Text(line, style=style))
        before = line
    return console.export_svg(
        title="the first minute", theme=MONOKAI, code_format=FORMAT, unique_id="minute"
    )
