"""What calls of models cost, and where that is added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Spending", "Spent"]


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens that were spent, and US dollars if the price was known."""

    tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tokens + other.tokens, self.cost_usd + other.cost_usd)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.tokens - other.tokens, self.cost_usd - other.cost_usd)


class Spending(Protocol):
    """Adds up what each day (UTC, as in `2030-01-31`) costs, for every process that uses it."""

    async def spent(self, day: str) -> Spent:
        """Return what was spent on a day; what this process has added before is in it.

        Raises:
            AppError: the store cannot be read.
        """

    def spend(self, day: str, spent: Spent) -> Future[Spent]:
        """Add to what was spent on a day, and return all of it once that is written.

        Raises:
            AppError: the store is closed.
        """
