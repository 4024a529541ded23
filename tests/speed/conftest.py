"""What measurements need around them."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from gateway.serve import spare_the_collector


@pytest.fixture
def spared_collector() -> Iterator[None]:
    """What the tests have imported is not looked through again and again, as in the gateway itself."""
    thresholds = gc.get_threshold()
    spare_the_collector()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
