"""Write what is generated from the code: `.env.example`, and pages of the documentation.

python -m scripts.reference
"""

from __future__ import annotations

import sys
from pathlib import Path

from app.config.settings import compose_settings
from app.wiring import build_registry
from gwkit.settings.reference import configuration_markdown, env_example
from scripts.practices import FAMILIES, PRACTICES
from scripts.standards.rules import RULES

__all__ = ["generated", "standards_markdown"]

ROOT = Path(__file__).resolve().parent.parent

CONFIGURATION = """\
# Configuration

<!-- Written by `make reference` from the settings; do not edit. -->

Settings come from the environment, and from a file `.env` in the working directory; the environment
goes before the file. `python -m app config` prints those in force, with secrets masked. Invalid and
unknown `APP_…` variables stop the start, all of them named in one message.

What stands in single quotes in `.env` is taken as it is; elsewhere `${NAME}` is another variable.
Paths may begin with `~`, the home folder.

"""

EXTENSIONS = """\
# Configuration of extensions

<!-- Written by `make reference` from the settings that `app.ext` registers; do not edit. -->

"""

STANDARDS = """\
# Standards

<!-- Written by `make reference`; do not edit. -->

What `make check` and `make test` hold, with the codes that their messages name. A practice marked
*reviewed* is one that no tool can decide.
"""


def generated(root: Path) -> dict[str, str]:
    """Return each generated file's path in the checkout with the text it should have.

    The settings of extensions have files of their own, which belong to the team.
    """
    groups = build_registry().settings
    own = [
        group for name, group in groups.parts.items() if groups.origins[name].startswith("app.ext")
    ]
    owned = [group for group in groups.parts.values() if group not in own]
    settings, extensions = compose_settings(owned), compose_settings([*owned, *own])
    texts = {".env.example": env_example(settings)}
    if own:
        texts[".env.ext.example"] = env_example(extensions, only=own)
    if (root / "docs").is_dir():
        texts["docs/configuration.md"] = CONFIGURATION + configuration_markdown(settings)
        if own:
            page = configuration_markdown(extensions, only=own)
            texts["docs/configuration.ext.md"] = EXTENSIONS + page
        texts["docs/standards.md"] = standards_markdown()
    return texts


def standards_markdown() -> str:
    """Return the page of the practices: what each asks, what holds it, what to do instead."""
    parts = [STANDARDS]
    for family, title in FAMILIES.items():
        parts.append(f"\n## {title}\n\n| code | practice | held by |\n|---|---|---|\n")
        parts += [
            f"| {item.code} | {item.text} | {_holders(item.by)} |\n"
            for item in PRACTICES
            if item.code.startswith(family)
        ]
        remedies = [rule for rule in RULES if rule.code.startswith(family)]
        if remedies:
            parts.append("\n")
            parts += [f"- **{rule.code}** {rule.remedy}\n" for rule in remedies]
    return "".join(parts)


def _holders(by: tuple[str, ...]) -> str:
    names = []
    for entry in by:
        tool, *rules = entry.split()
        shown = " ".join(f"`{rule}`" for rule in rules)
        names.append(f"{'*reviewed*' if tool == 'reviewed' else tool} {shown}".strip())
    return ", ".join(names)


if __name__ == "__main__":
    for path, text in generated(ROOT).items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(path)
    sys.exit()
