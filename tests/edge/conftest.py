"""Both clients towards providers have to pass the same tests."""

from __future__ import annotations

import pytest

from tests.edge import upstream


@pytest.fixture(params=["edge", "httpx"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which client `upstream` makes."""
    monkeypatch.setattr(upstream, "ENGINE", request.param)
    return str(request.param)


on_both_clients = pytest.mark.usefixtures("engine")
