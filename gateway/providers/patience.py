"""How long a model may take in each phase: the model's own settings, then its provider's, then everybody's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actors.letters import Timeouts
from gateway.config.routing import Glob
from gateway.config.settings import Model, ProviderTimeouts, TimeoutSettings

_OPENAIS_THAT_REASON = tuple(Glob(pattern) for pattern in ("o1*", "o3*", "o4*", "gpt-5*", "gpt-6*", "codex-*"))
_REASON_FIRST = (
    *_OPENAIS_THAT_REASON,
    *(
        Glob(pattern)
        for pattern in (
            "gpt-oss-*",
            "deepseek-reasoner*",
            "deepseek-r1*",
            "deepseek-v4*",
            "gemini-2.5-pro*",
            "gemini-3*-pro*",
            "grok-4*",
            "qwq-*",
            "magistral-*",
            "*-thinking*",
            "*:thinking",
            "*-reasoning*",
            "*-deep-research*",
        )
    ),
)
"""Models that think before their first word whether or not they are asked to."""

_PHASES = ("connect_s", "first_token_s", "idle_s", "hedge_after_s", "queue_s")
_LONGER_WHEN_REASONING = frozenset({"first_token_s", "idle_s", "hedge_after_s"})


def reasons_first(model: str) -> bool:
    """Whether a provider's model is known to be silent for long before it answers; a vendor's prefix does not count."""
    return _matches(_REASON_FIRST, model)


def hands_reasoning_out(model: str) -> bool:
    """Whether a model of OpenAI's reasons, and gives what it thought encrypted; those of the chat product do not."""
    return _matches(_OPENAIS_THAT_REASON, model) and "-chat" not in model.lower()


def _matches(globs: Iterable[Glob], model: str) -> bool:
    name = model.rpartition("/")[2].lower()
    return any(glob.matches(name) for glob in globs)


def timeouts_for(
    model: str, settings: Sequence[Model], provider: ProviderTimeouts, everybody: TimeoutSettings
) -> Timeouts:
    """The phases of an attempt at `model`, whose [models] entries are `settings`, the most special first."""
    reasons = reasons_first(model)

    def seconds(phase: str) -> float:
        for entry in settings:
            if (own := getattr(entry.timeouts, phase)) is not None:
                return float(own)
        name = f"reasoning_{phase}" if reasons and phase in _LONGER_WHEN_REASONING else phase
        given = getattr(provider, name)
        return float(getattr(everybody, name) if given is None else given)

    return Timeouts(**{phase: seconds(phase) for phase in _PHASES})


def total_for(settings: Sequence[Model], provider: ProviderTimeouts, everybody: TimeoutSettings) -> float:
    """Seconds that a whole call may take, all attempts together."""
    for entry in settings:
        if entry.timeouts.total_s is not None:
            return entry.timeouts.total_s
    return everybody.total_s if provider.total_s is None else provider.total_s
