"""The settings table of the README, made from tryon/conf.py.

python -m tests.settings_table --write
"""

from __future__ import annotations

import sys
from pathlib import Path

from tryon.conf import documented

README = Path(__file__).resolve().parents[1] / "README.md"
START = "<!-- settings: made by `python -m tests.settings_table --write` -->\n"
END = "<!-- /settings -->"


def table() -> str:
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for name, (kind, default, meaning) in documented().items():
        shown = "the local engine" if name == "PROVIDERS" else repr(default)
        lines.append(f"| `{name}` | {kind} | `{shown}` | {meaning} |")
    return "\n".join(lines) + "\n"


def in_readme() -> str:
    text = README.read_text(encoding="utf-8")
    return text[text.index(START) + len(START) : text.index(END)]


if __name__ == "__main__" and "--write" in sys.argv:
    whole = README.read_text(encoding="utf-8")
    README.write_text(whole.replace(START + in_readme(), START + table()), encoding="utf-8")
