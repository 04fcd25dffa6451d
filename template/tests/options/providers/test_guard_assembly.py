"""The models get exactly the guards that the settings require."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.options.providers.guards import ResilientGuards
from fixtures.models import FakeChatModel
from gwkit.errors import BudgetExceededError, ConfigError, ProviderError
from gwkit.models.messages import ChatRequest, Message, Usage
from gwkit.offline.extractive import ExtractiveChatModel
from gwkit.resilience.pricing import PriceList
from gwkit.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.configuration import MakeSettings

REQUEST = ChatRequest(messages=(Message(role="user", content="why?"),), question="why?")
# Vendors with known prices, for whose keys no service has a setting.
MODEL = "google:gemini-2.5-flash"
OTHER = "deepseek:deepseek-chat"
UNKNOWN = "google:one-of-ours"
SERVER = ProviderError("server", status=500, passing=True)


@pytest.fixture
def paid_path(tmp_path: Path) -> Path:
    """Return the path of the file."""
    return tmp_path / "paid.sqlite"


async def test_offline_models_need_nothing(make_settings: MakeSettings, paid_path: Path) -> None:
    """No file is created, and a failure is not retried."""
    async with ResilientGuards.open(make_settings(paid_path=paid_path), Metrics()) as guards:
        model = guards.chat_model([ExtractiveChatModel()])
        assert None is guards.window_tokens([ExtractiveChatModel()])
        assert "offline:extractive" == (await model.complete(REQUEST)).model
    assert not await asyncio.to_thread(paid_path.exists)


async def test_the_parts_work_together(make_settings: MakeSettings, paid_path: Path) -> None:
    """A model fails, another one answers, and the cost is counted and stored."""
    settings = make_settings(
        default_model=MODEL,
        fallback_models=(OTHER,),
        daily_tokens=1,
        paid_path=paid_path,
        llm_attempts=1,
    )
    metrics = Metrics()
    one, two = FakeChatModel(SERVER, name=MODEL), FakeChatModel("yes", name=OTHER)
    async with ResilientGuards.open(settings, metrics) as guards:
        model = guards.chat_model([one, two])
        assert OTHER == (await model.complete(REQUEST)).model
        with pytest.raises(BudgetExceededError):
            await model.complete(REQUEST)
    async with ResilientGuards.open(settings, metrics) as guards:
        with pytest.raises(BudgetExceededError):
            await guards.chat_model([one, two]).complete(REQUEST)
    text = metrics.exposition().decode()
    assert f'llm_fallbacks_total{{model="{MODEL}",to="{OTHER}"}} 1.0' in text
    assert f'llm_cost_usd_total{{model="{OTHER}"}} ' in text
    assert [1, 1] == [len(one.requests), len(two.requests)]


async def test_the_smallest_window_counts(make_settings: MakeSettings) -> None:
    """A prompt has to fit every possible model; an unknown model sets no limit."""
    names = (MODEL, OTHER, UNKNOWN)
    settings = make_settings(default_model=MODEL, fallback_models=names[1:])
    models = [FakeChatModel(name=name) for name in names]
    async with ResilientGuards.open(settings, Metrics()) as guards:
        one, two = (PriceList(name).window_tokens for name in names[:2])
        assert one is not None
        assert two is not None
        assert min(one, two) == guards.window_tokens(models)
        assert one == guards.window_tokens(models[:1])
        assert None is guards.window_tokens(models[2:])


async def test_an_unknown_price_is_null(make_settings: MakeSettings) -> None:
    """The call works, without a cost."""
    settings = make_settings(default_model=UNKNOWN)
    async with ResilientGuards.open(settings, Metrics()) as guards:
        assert None is guards.charge(UNKNOWN)(Usage(prompt_tokens=9, completion_tokens=9))


async def test_a_ceiling_of_cost_needs_prices(make_settings: MakeSettings) -> None:
    """A model without a known price is rejected at start."""
    settings = make_settings(default_model=MODEL, fallback_models=(UNKNOWN,), daily_cost_usd=5.0)
    with pytest.raises(ConfigError, match=f"price of {UNKNOWN} is not known"):
        async with ResilientGuards.open(settings, Metrics()):
            pytest.fail("it was opened")
