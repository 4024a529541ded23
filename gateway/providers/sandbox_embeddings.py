"""The sandbox's embeddings: a direction that the hash of the input points in.

The same input always has the same one, and two inputs have nothing to do with each other, however much alike they are.
"""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Any, Final

import msgspec

from gateway.dialects.embeddings.request import EmbeddingsRequest
from gateway.errors import InvalidRequest
from gateway.providers.sandbox import unsuitable

DEFAULT_DIMENSIONS: Final = 256
MOST_DIMENSIONS: Final = 4096
MOST_INPUTS: Final = 2048
"""OpenAI takes no more either."""

_MODEL: Final = "embedding"


class Task(msgspec.Struct):
    """What is to be embedded, and how long each embedding shall be."""

    inputs: list[Any]
    """Texts, or texts in tokens."""
    dimensions: int


def read_task(model: str, request: EmbeddingsRequest) -> Task:
    """Raises ModelNotFound, InvalidRequest whose `param` names the field."""
    if model != _MODEL:
        raise unsuitable(model, "makes no embeddings; `sandbox/embedding` does.")
    dimensions = request.dimensions or DEFAULT_DIMENSIONS
    if dimensions > MOST_DIMENSIONS:
        raise InvalidRequest(f"Invalid 'dimensions': expected at most {MOST_DIMENSIONS}.", param="dimensions")
    given = request.input
    inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    if len(inputs) > MOST_INPUTS:
        raise InvalidRequest(f"Invalid 'input': expected at most {MOST_INPUTS} inputs.", param="input")
    return Task(inputs, dimensions)


def embed(given: str | list[int], dimensions: int) -> list[float]:
    """A vector of length 1."""
    digest = hashlib.shake_256(msgspec.json.encode(given)).digest(4 * dimensions)
    # Half a step off the whole numbers, so that the vector is never 0.
    numbers = [number + 0.5 for number in struct.unpack(f"<{dimensions}i", digest)]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]
