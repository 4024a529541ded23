"""Where traces go: the collector's address in one form, and its headers checked."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.config.addresses import BadAddress, normal_base_url
from gateway.config.reader import Reader, show
from gateway.config.secrets import HIDDEN
from gateway.config.settings import Traces
from gateway.config.trace_headers import read_headers

SUFFIX = "/v1/traces"
"""What is added to the address; people also write it themselves."""


def read_traces(reader: Reader, traces: Traces, environ: Mapping[str, str]) -> Traces:
    """The section with its address as others append to it."""
    if traces.headers_env and not reader.is_wrong(("traces", "headers_env")):
        try:
            read_headers(environ.get(traces.headers_env, ""))
        except ValueError:
            reader.note_variable(traces.headers_env, "headers like name=value,name=value", HIDDEN)
    if not traces.endpoint:
        return traces
    try:
        endpoint = normal_base_url(traces.endpoint, "").removesuffix(SUFFIX)
    except BadAddress as problem:
        found = HIDDEN if "@" in traces.endpoint else show(traces.endpoint)
        reader.note(("traces", "endpoint"), str(problem), None, shown=found)
        return traces
    return msgspec.structs.replace(traces, endpoint=endpoint)
