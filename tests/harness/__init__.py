"""What the tests share: the answers they give, the services they render, the commands they run."""

from __future__ import annotations
