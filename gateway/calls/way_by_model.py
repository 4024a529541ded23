"""Two ways to one provider, of which the model decides: OpenAI's models that reason are asked in another API."""

from __future__ import annotations

from collections.abc import Callable

from gateway.calls.passage import Passage, Way
from gateway.dialects.codec import Frame
from gateway.dialects.envelope import ModelRequest


class WayByModel:
    """A `gateway.calls.passage.Way`."""

    translates = True

    def __init__(self, is_special: Callable[[str], bool], special: Way, plain: Way) -> None:
        """Both translate."""
        self._is_special = is_special
        self._special = special
        self._plain = plain

    async def prepare(self, request: ModelRequest, model: str, *, streamed: bool, frame: Frame) -> Passage:
        way = self._special if self._is_special(model) else self._plain
        return await way.prepare(request, model, streamed=streamed, frame=frame)
