"""The prices of calls and the context windows of models, by the data of genai-prices.

The data come with the package and are as new as its pin; nothing is fetched. Prices are list prices
for a model's name: a gateway or a server of your own may take something else, or nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

    from gwkit.models.messages import Usage

__all__ = ["PriceList"]

_MANY: Final = 10_000_000
"""Tokens enough to reach every tier of a price."""


class PriceList:
    """The price and the window of one model.

    Args:
        model: the name, in the form `provider:model`.
    """

    def __init__(self, model: str) -> None:
        self._provider, _, self._model = model.partition(":")
        price = self._price(0, 0)
        self.is_known = price is not None
        """Whether there is a price at all."""
        self.window_tokens = price.model.context_window if price else None
        """How many tokens prompt and reply may have together, `None` if unknown."""
        self._rates = self._proportional(price)

    def cost_usd(self, usage: Usage) -> float | None:
        """Return what a call cost in US dollars, or `None` if the model's price is unknown."""
        if self._rates is not None:
            each_prompt, each_completion = self._rates
            return usage.prompt_tokens * each_prompt + usage.completion_tokens * each_completion
        price = self._price(usage.prompt_tokens, usage.completion_tokens)
        return None if price is None else float(price.total_price)

    def _proportional(self, price: PriceCalculation | None) -> tuple[float, float] | None:
        """Return the prices of one token where they are always the same, as they mostly are.

        The library takes longer for one price than all that the service does around a call. A price
        that depends on the time has several entries; one that depends on the size shows by trying.
        """
        if price is None or isinstance(price.model.prices, list):
            return None
        prompt, completion = self._total(_MANY, 0) / _MANY, self._total(0, _MANY) / _MANY
        tried = ((1_000, 0), (0, 1_000), (1_000, 1_000), (_MANY, _MANY))
        same = (
            math.isclose(self._total(sent, got), sent * prompt + got * completion)
            for sent, got in tried
        )
        return (prompt, completion) if all(same) else None

    def _total(self, prompt_tokens: int, completion_tokens: int) -> float:
        price = self._price(prompt_tokens, completion_tokens)
        return math.nan if price is None else float(price.total_price)

    def _price(self, prompt_tokens: int, completion_tokens: int) -> PriceCalculation | None:
        tokens = PricedUsage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
        try:
            return calc_price(tokens, self._model, provider_id=self._provider)
        except LookupError:
            return None
