"""Generate `.env.example` and the pages of the configuration from the settings.

python -m scripts.reference [--check]
"""

from __future__ import annotations

import re
import sys
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from app.config.settings import compose_settings
from app.wiring import build_registry
from gwkit.errors import ConfigError
from gwkit.settings.description import configuration_markdown, env_example
from scripts.findings import report
from scripts.standards.project import WHOLE, Project
from scripts.standards.rule import ProjectRule

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["current_reference", "generated"]

ROOT = Path(__file__).resolve().parent.parent
# In the template, such lines name the answers of a section; a service has none.
_BLOCK = re.compile(r"^# \[%.+%\]\n", re.MULTILINE)

CONFIGURATION = """\
# Configuration

<!-- Written by `make reference` from the settings; do not edit. -->

Settings come from the environment and from a file `.env` in the working directory; the environment
takes precedence. `python -m app config` prints the current settings, with secrets masked. Invalid
and unknown `APP_…` variables stop the start with one message that lists all of them.

Single-quoted text in `.env` is literal; elsewhere `${NAME}` is another variable.
Paths may begin with `~`, the home folder.

"""

EXTENSIONS = """\
# Configuration of extensions

<!-- Written by `make reference` from the settings that `app.ext` registers; do not edit. -->

"""


def generated(root: Path) -> dict[str, str]:
    """Return the path of each generated file in the checkout, with its expected text.

    The settings of extensions have separate files, which belong to the team.
    """
    groups = build_registry().settings
    own = [
        group for name, group in groups.parts.items() if groups.origins[name].startswith("app.ext")
    ]
    owned = [group for group in groups.parts.values() if group not in own]
    settings, extensions = compose_settings((*owned,)), compose_settings((*owned, *own))
    texts = {".env.example": env_example(settings)}
    if own:
        texts[".env.ext.example"] = env_example(extensions, only=own)
    if (root / "docs").is_dir():
        texts["docs/configuration.md"] = CONFIGURATION + configuration_markdown(settings)
        if own:
            page = configuration_markdown(extensions, only=own)
            texts["docs/configuration.ext.md"] = EXTENSIONS + page
    return texts


def current_reference(project: Project) -> Iterator[tuple[str, int, str]]:
    """Run `make reference`, which generates files from the settings."""
    try:
        texts = generated(project.root)
    except ConfigError as exc:
        yield "src/app/ext/__init__.py", WHOLE, f"the settings cannot be read: {exc}"
        return
    for path, expected in texts.items():
        actual = _BLOCK.sub("", project.text(path)).splitlines()
        pairs = zip_longest(actual, expected.splitlines(), fillvalue="nothing")
        for number, (line, wanted) in enumerate(pairs, 1):
            if line != wanted:
                yield path, number, f"there is {line!r} instead of {wanted!r}"
                break


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(report(ProjectRule("CFG5", current_reference).violations(Project(ROOT))))
    for path, text in generated(ROOT).items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(path)
    sys.exit()
