"""A ceiling of tokens and of cost for a day, above which no model is asked any more."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Self

import structlog

from gwkit.errors import AppError, BudgetExceededError
from gwkit.models.spending import Spent

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from gwkit.models.spending import Spending

__all__ = ["DailyBudget"]

_log = structlog.stdlib.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class DailyBudget:
    """The budget of a day, which begins at midnight UTC, and how much of it was spent.

    `check` and `spend` only touch memory; what is spent is written behind, and each write brings
    back what other processes have spent meanwhile. So a restart forgets nothing. Calls that are
    under way when the ceiling is reached are finished, so it can be passed by what they take.

    Args:
        store: keeps what was spent.
        most_tokens: tokens of a day, `None` for any number.
        most_cost_usd: US dollars of a day, `None` for any sum.
        now: the time, in UTC.
        shared: other processes spend as well, so `refresh` reads what they did.
    """

    def __init__(
        self,
        store: Spending,
        *,
        most_tokens: int | None = None,
        most_cost_usd: float | None = None,
        now: Callable[[], datetime] = _now,
        shared: bool = False,
    ) -> None:
        self._store = store
        self._most_tokens = math.inf if most_tokens is None else most_tokens
        self._most_cost_usd = math.inf if most_cost_usd is None else most_cost_usd
        self._now = now
        self._is_shared = shared
        self._lock = Lock()
        self._day = ""
        self._written = Spent()
        self._pending = Spent()

    async def load(self) -> Self:
        """Read what was spent on this day so far.

        Raises:
            AppError: the store cannot be read.
        """
        self._day = self._today()
        self._written = await self._store.spent(self._day)
        return self

    async def refresh(self) -> None:
        """Read what other processes have spent; what was known before stands if that fails."""
        if not self._is_shared:
            return
        day = self._today()
        try:
            found = await self._store.spent(day)
        except AppError as exc:
            _log.error("spending_not_read", error=str(exc))
            return
        with self._lock:
            self._turn_page()
            self._note(day, found)

    @property
    def spent(self) -> Spent:
        """The spending of this day, as far as this process knows."""
        with self._lock:
            self._turn_page()
            return self._written + self._pending

    def check(self) -> None:
        """Do nothing while something is left for this day.

        Raises:
            BudgetExceededError: nothing is; it says when the next day begins.
        """
        spent = self.spent
        if spent.tokens >= self._most_tokens:
            used = f"{spent.tokens} of {self._most_tokens} tokens (APP_DAILY_TOKENS)"
        elif spent.cost_usd >= self._most_cost_usd:
            used = f"{spent.cost_usd:.2f} of {self._most_cost_usd:.2f} USD (APP_DAILY_COST_USD)"
        else:
            return
        now = self._now()
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        raise BudgetExceededError(
            f"the budget of {self._day} is used up: {used}",
            retry_after=(midnight - now).total_seconds(),
        )

    def spend(self, tokens: int, cost_usd: float | None) -> None:
        """Note what a call took; a cost that is not known counts in tokens only."""
        spent = Spent(tokens, cost_usd or 0.0)
        if spent == Spent():
            return
        with self._lock:
            self._turn_page()
            self._pending += spent
            day = self._day

        def written(result: Future[Spent]) -> None:
            if error := result.exception():
                # It stays in this process's memory, which still keeps to the ceiling.
                _log.error("spending_not_kept", error=str(error))
                return
            with self._lock:
                self._note(day, result.result())
                if day == self._day:
                    self._pending -= spent

        self._store.spend(day, spent).add_done_callback(written)

    def _note(self, day: str, total: Spent) -> None:
        """Take over what was spent in all; of two results that overtook each other, the later."""
        if day == self._day:
            self._written = Spent(
                max(total.tokens, self._written.tokens),
                max(total.cost_usd, self._written.cost_usd),
            )

    def _turn_page(self) -> None:
        if (today := self._today()) != self._day:
            self._day = today
            self._written = self._pending = Spent()

    def _today(self) -> str:
        return self._now().date().isoformat()
