"""Second forms of what the practices forbid, which neither a linter nor the service's rules decide.

A comment excuses its line, as for the service's own rules: `# allow LOG4: with a reason`.
"""

from __future__ import annotations

__all__: list[str] = []
