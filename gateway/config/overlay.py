"""What the environment and the command line say about settings; both beat the file."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.defaults import BASE_URL_VARIABLES
from gateway.config.mistakes import Path
from gateway.config.reader import COMMAND_LINE, ENVIRONMENT, Override

VARIABLES: dict[str, Path] = {
    "LLM_GATEWAY_HOST": ("server", "host"),
    "LLM_GATEWAY_PORT": ("server", "port"),
    "LLM_GATEWAY_WORKERS": ("server", "workers"),
    "LLM_GATEWAY_LOG_LEVEL": ("log", "level"),
    "LLM_GATEWAY_MEMORY_THRESHOLD_MB": ("memory", "threshold_mb"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("traces", "endpoint"),
    "OTEL_SERVICE_NAME": ("traces", "service_name"),
    "CMS_URL": ("cms", "url"),
    "CODE_ORCHESTRATOR_URL": ("code_orchestrator", "url"),
    **{variable: ("providers", provider, "base_url") for variable, provider in BASE_URL_VARIABLES.items()},
}

OPTIONS: dict[str, Path] = {
    "--host": ("server", "host"),
    "--port": ("server", "port"),
    "--workers": ("server", "workers"),
}


def overlay_of(environ: Mapping[str, str], options: Mapping[str, str]) -> dict[Path, Override]:
    """Which settings are overridden, by whom and with what; an empty variable counts as not set."""
    overlay: dict[Path, Override] = {}
    for variable, path in VARIABLES.items():
        if text := environ.get(variable, "").strip():
            text = text.lower() if path == ("log", "level") else text
            overlay[path] = Override(ENVIRONMENT, variable, text)
    for option, path in OPTIONS.items():
        if option in options:
            overlay[path] = Override(COMMAND_LINE, option, options[option])
    return overlay
