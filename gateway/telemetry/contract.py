"""What is exported: names, texts and labels, which are a contract with dashboards, and the bounds of histograms."""

from __future__ import annotations

NOBODY = "none"
"""The provider and model of a request that was turned away before anybody was chosen."""

REQUESTS = ("llm_request_total", "Requests by how they ended.", ("provider", "model", "endpoint", "status"))
DURATIONS = (
    "llm_request_duration_seconds",
    "From a request's arrival to its last byte.",
    ("provider", "model", "endpoint", "stream"),
)
TOKENS = (
    "llm_tokens_total",
    "Tokens as they are billed, whoever's answer a client got; cached are part of prompt, reasoning of completion.",
    ("provider", "model", "type"),
)
COSTS = (
    "llm_cost_usd",
    "What answers have cost, by the prices that are known; whoever's answer a client got.",
    ("provider", "model"),
)
UNPRICED = ("llm_unpriced_calls", "Answers of models whose prices nobody knows.", ("provider", "model"))
TOKEN_TYPES = ("prompt", "completion", "cached", "reasoning")
ERRORS = (
    "llm_errors_total",
    "Attempts that failed, requests turned away, events of streams left out, answers that broke under their clients.",
    ("provider", "type"),
)
ANSWER_BROKEN = "answer_broken"
"""The type of an error that a client saw although its answer had begun well: llm_request_total says 200 of it."""
BREAKER_STATES = ("circuit_breaker_state", "0 closed, 1 half-open, 2 open.", ("provider", "model"))
BREAKER_FAILURES = ("circuit_breaker_failures", "Failures that a breaker counted.", ("provider", "model"))
RETRIES = ("retry_attempts_total", "Attempts after a call's first one.", ("provider", "operation"))
FIRST_TOKENS = (
    "llm_time_to_first_token_seconds",
    "From a request's arrival to its first content.",
    ("provider", "endpoint"),
)
OVERHEADS = (
    "gateway_overhead_seconds",
    "A request's time without that in which an upstream had it.",
    ("provider", "endpoint"),
)
DISCONNECTS = (
    "gateway_disconnect_to_upstream_closed_seconds",
    "From a client's leaving to the end of the upstream call.",
    ("endpoint",),
)
IN_FLIGHT = ("gateway_in_flight", "Calls in flight.")
WAITING = ("gateway_waiting", "Calls that wait for a permit.")
CONCURRENCY = ("gateway_concurrency_limit", "Calls that may be in flight.")
MEMORY = ("gateway_memory_bytes", "Bytes charged to the budget; of the actor `memory` what the process holds.")
MAILBOX_DEPTHS = ("gateway_actor_mailbox_depth", "Letters not yet read.")
RESTARTS = ("gateway_actor_restarts_total", "Restarts by the supervisor.")
STORE_SECONDS = (
    "gateway_store_seconds",
    "From a command for the shared store to its reply, or to the knowledge that none comes.",
    ("operation",),
)
STORE_UNANSWERED = (
    "gateway_store_unanswered_total",
    "Questions to the shared store that somebody waited with, and got no answer.",
    ("operation",),
)
SERVICE_SECONDS = (
    "gateway_service_seconds",
    "What asking a service beside the gateway, or running a tool, took.",
    ("service", "operation", "outcome"),
)
TASKS = (
    "gateway_tasks",
    "Tasks of the event loop, those that are parked for further calls among them: 64 a provider at the most.",
)
PRESSURE = ("gateway_memory_pressure", "0 none, 1 does with less, 2 refuses new work.", ())
TOOL_SECONDS = ("gateway_tool_seconds", "What running a tool took, for a client or for a model.", ("tool", "outcome"))
CACHE = (
    "gateway_cache_total",
    "Requests that asked the cache: hit, miss, or joined to one under way.",
    ("endpoint", "result"),
)
STORE_MODE = ("gateway_store_mode", "0 none (memory), 1 connected, 2 degraded.", ())
SPANS = (
    "gateway_spans_total",
    "Spans of traces: exported, or lost as queue_full, rejected by the collector, or drained.",
    ("outcome",),
)

TOTAL_BOUNDS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
FIRST_TOKEN_BOUNDS_S = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60)
OVERHEAD_BOUNDS_S = (5e-5, 1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7.5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.025, 0.05, 0.1)
STORE_BOUNDS_S = (2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.025, 0.05, 0.1)
SERVICE_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
DISCONNECT_BOUNDS_S = (1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
