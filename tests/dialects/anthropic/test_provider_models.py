"""Names of models, and what their generation accepts."""

from __future__ import annotations

import pytest

from gateway.dialects.anthropic.provider_models import Off, abilities


@pytest.mark.parametrize(
    ("names", "thinks", "takes_budget", "adapts"),
    [
        ("claude-3-opus-20240229 claude-3-5-haiku-latest claude-2.1 claude-instant-1.2", False, False, False),
        ("claude-3-7-sonnet-20250219 claude-3.7-sonnet claude-4-opus-20250514 claude-opus-4-0", True, True, False),
        (
            "claude-opus-4-20250514 claude-opus-4-1-20250805 claude-haiku-4-5 claude-sonnet-4-5@20250929",
            True,
            True,
            False,
        ),
        ("claude-opus-4-6 claude-sonnet-4-6 anthropic/claude-opus-4.6", True, True, True),
        ("claude-opus-4-7 claude-opus-5 claude-sonnet-5 claude-haiku-5-5 claude-fable-5-2", True, False, True),
        ("claude-mythos-preview claude-opus-latest claude-sonnet-6 us.anthropic.claude-opus-5-v1:0", True, False, True),
        ("kimi-k2 my-model claude-next-1", True, True, False),
    ],
)
def test_how_a_model_thinks(names: str, thinks: bool, takes_budget: bool, adapts: bool) -> None:
    for name in names.split():
        can = abilities(name)
        assert (can.thinks, can.takes_budget, can.adapts) == (thinks, takes_budget, adapts), name


@pytest.mark.parametrize(
    ("names", "off"),
    [
        ("claude-sonnet-4-5 claude-opus-4-8 kimi-k2", Off.UNSAID),
        ("claude-opus-5 claude-sonnet-5 claude-haiku-5-5", Off.DISABLED),
        ("claude-sonnet-5-5", Off.BETWEEN_TOOLS),
        ("claude-opus-5-5 claude-fable-5 claude-mythos-5-1", Off.NEVER),
    ],
)
def test_how_a_model_is_told_not_to_think(names: str, off: Off) -> None:
    assert {abilities(name).off for name in names.split()} == {off}


@pytest.mark.parametrize(
    ("name", "samples", "both", "prefills", "forces"),
    [
        ("claude-3-5-sonnet-20240620", True, True, True, True),
        ("claude-opus-4-0", True, True, True, True),
        ("claude-opus-4-1", True, False, True, True),
        ("claude-sonnet-4-5", True, False, True, True),
        ("claude-sonnet-4-6", True, False, False, True),
        ("claude-opus-4-7", False, False, False, True),
        ("claude-opus-5", False, False, False, True),
        ("claude-haiku-5-5", False, False, False, True),
        ("claude-sonnet-5-5", False, False, False, False),
        ("claude-opus-5-5", False, False, False, False),
        ("claude-fable-5-1", False, False, False, False),
    ],
)
def test_what_else_a_model_takes(name: str, samples: bool, both: bool, prefills: bool, forces: bool) -> None:
    can = abilities(name)
    assert (can.samples, can.samples_both_ways, can.prefills, can.forces_tools) == (samples, both, prefills, forces)
