"""`python -m app`: the command line."""

from __future__ import annotations

import sys

from app.cli.application import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
