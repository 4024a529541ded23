"""Fixtures for all API tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.face.engines import ENGINES, Face, serving


@pytest.fixture
def house_options() -> dict[str, Any]:
    """What the House is made with; a test that wants another one parametrizes this name."""
    return {}


@pytest.fixture(params=ENGINES)
async def face(request: pytest.FixtureRequest, house_options: dict[str, Any]) -> AsyncIterator[Face]:
    """The face on each engine in turn."""
    async with serving(request.param, **house_options) as served:
        yield served
