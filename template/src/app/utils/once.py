"""An asynchronous singleton: made at its first use, once, however many ask at the same time."""

from __future__ import annotations

from asyncio import Lock
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["AsyncOnce"]

_T = TypeVar("_T")


@dataclass(slots=True)
class AsyncOnce(Generic[_T]):
    """Holds a value that is expensive to make, such as a client or a loaded model.

    It is an ordinary object, owned by the code that wires the service: no global state.

    Args:
        make: makes the value; when it raises, nothing is kept and the next use tries again.
    """

    make: Callable[[], Awaitable[_T]]
    _lock: Lock = field(init=False, default_factory=Lock)
    # A tuple, because None is a value like any other.
    _made: tuple[_T] | None = field(init=False, default=None)

    async def get(self) -> _T:
        """Return the value, making it first where this is the first use.

        Raises whatever `make` raises.
        """
        if self._made is None:
            async with self._lock:
                # Whoever waited for the lock finds the work done.
                if self._made is None:
                    self._made = (await self.make(),)
        return self._made[0]
