"""An asynchronous singleton: made at its first use, once, however many ask at the same time."""

from __future__ import annotations

from asyncio import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["AsyncOnce"]

_T = TypeVar("_T")


class AsyncOnce(Generic[_T]):
    """Holds a value that is expensive to make, such as a client or a loaded model.

    It is an ordinary object, owned by the code that wires the service: no global state.

    Args:
        make: makes the value; when it raises, nothing is kept and the next use tries again.
        close: releases the value.
    """

    def __init__(
        self,
        make: Callable[[], Awaitable[_T]],
        *,
        close: Callable[[_T], Awaitable[None]] | None = None,
    ) -> None:
        self._make = make
        self._close = close
        self._lock = Lock()
        # A tuple, because None is a value like any other.
        self._made: tuple[_T] | None = None

    async def get(self) -> _T:
        """Return the value, making it first where this is the first use.

        Raises whatever `make` raises.
        """
        if (made := self._made) is None:
            async with self._lock:
                # Whoever waited for the lock finds the work done.
                if (made := self._made) is None:
                    made = self._made = (await self._make(),)
        return made[0]

    async def aclose(self) -> None:
        """Release the value if it was made; a later use makes a new one."""
        async with self._lock:
            made, self._made = self._made, None
            if made is not None and self._close is not None:
                await self._close(made[0])
