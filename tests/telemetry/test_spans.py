"""Names of attributes are a contract with every backend that knows OpenTelemetry's conventions."""

from __future__ import annotations

import re
from pathlib import Path

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes, url_attributes

from gateway.telemetry import spans

KNOWN = {
    value
    for module in (gen_ai_attributes, error_attributes, http_attributes, server_attributes, url_attributes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}


def test_every_attribute_is_one_of_the_conventions_or_says_that_it_is_ours() -> None:
    source = Path(spans.__file__ or "").read_text(encoding="utf-8")
    named = set(re.findall(r'"((?:gen_ai|error|http|server|url|gateway)\.[a-z_.]+)"', source))
    assert len(named) > 25
    assert {name for name in named if not name.startswith("gateway.")} <= KNOWN
