"""An unknown price never counts as free."""

from __future__ import annotations

import genai_prices
import pytest
from genai_prices.data import providers

from gwkit.models.messages import Usage
from gwkit.resilience.pricing import PriceList

USAGE = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)


@pytest.mark.parametrize(
    "model", ["openai:gpt-4o-mini", "anthropic:claude-sonnet-5-5", "openai:text-embedding-3-small"]
)
def test_a_known_model_has_a_price(model: str) -> None:
    """The price is plausible, and proportional to the usage."""
    prices = PriceList(model)
    cost = prices.cost_usd(USAGE)
    assert cost is not None
    assert 0 < cost < 1_000
    half = prices.cost_usd(Usage(prompt_tokens=500_000, completion_tokens=500_000))
    assert half is not None
    assert half < cost


@pytest.mark.parametrize("model", ["openai:llama-of-ours", "anthropic:nobody", "other:model"])
def test_an_unknown_model_has_none(model: str) -> None:
    """It has neither a price nor a window."""
    prices = PriceList(model)
    assert not prices.is_known
    assert (None, None) == (prices.cost_usd(USAGE), prices.window_tokens)


def test_a_window_is_known() -> None:
    """The window is that of the data."""
    assert 128_000 == PriceList("openai:gpt-4o-mini").window_tokens


def test_a_call_that_took_nothing_cost_nothing() -> None:
    """A call that failed at once costs nothing."""
    nothing = Usage(prompt_tokens=0, completion_tokens=0)
    assert 0.0 == PriceList("openai:gpt-4o-mini").cost_usd(nothing)


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_prices_are_those_of_the_data(provider: str) -> None:
    """For every model and any size, with proportional, tiered or dated prices."""
    (vendor,) = (one for one in providers if one.id == provider)
    checked = 0
    for model in vendor.models:
        prices = PriceList(f"{provider}:{model.id}")
        for sent, got in ((7, 3), (150_000, 900), (250_000, 1), (900_000, 60_000)):
            tokens = genai_prices.Usage(input_tokens=sent, output_tokens=got)
            try:
                expected = genai_prices.calc_price(tokens, model.id, provider_id=provider)
            except LookupError:
                continue
            cost = prices.cost_usd(Usage(prompt_tokens=sent, completion_tokens=got))
            assert float(expected.total_price) == pytest.approx(cost)
            checked += 1
    assert checked > 20
