"""Whether what we compose is what OpenAI's own specification says."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema

from tests.shared_material import openapi


def check(document: Any, schema: str) -> None:
    """Raises jsonschema.ValidationError; skips the test where the specification is absent."""
    _validator(schema, id(openapi())).validate(document)


@cache
def _validator(schema: str, _specification: int) -> jsonschema.Draft202012Validator:
    components = openapi()["components"]
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": components})
