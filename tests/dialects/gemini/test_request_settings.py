"""What a conversation becomes for Gemini: tools and settings."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import Conversation, NativeTool, OutputFormat, ReasoningWish, Tool, ToolChoice
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.errors import InvalidRequest
from tests.dialects.gemini.google_types import MODEL, NEWER_MODEL, asked, sent

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "How it is outside.", SCHEMA)
NOW = Tool("now")


def refused(request: Conversation) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        finish_steps(GeminiProvider().encode(request, MODEL))
    return caught.value


def test_what_was_not_asked_for_is_not_said() -> None:
    assert sent(asked()) == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_settings_by_their_names_at_gemini() -> None:
    request = asked(
        max_tokens=100,
        temperature=0.0,
        top_p=0.9,
        top_k=40,
        choices=2,
        stop=["END"],
        seed=7,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        logprobs=3,
        service_tier="flex",
    )
    body = sent(request)
    assert body["generationConfig"] == {
        "maxOutputTokens": 100,
        "temperature": 0.0,
        "topP": 0.9,
        "topK": 40,
        "candidateCount": 2,
        "stopSequences": ["END"],
        "seed": 7,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
        "responseLogprobs": True,
        "logprobs": 3,
    }
    assert body["serviceTier"] == "flex"


def test_the_probability_of_the_token_itself_needs_no_alternatives() -> None:
    assert sent(asked(logprobs=0))["generationConfig"] == {"responseLogprobs": True}


@pytest.mark.parametrize("tier", [None, "auto", "default", "standard_only"])
def test_the_usual_tier_needs_no_word(tier: str | None) -> None:
    assert "serviceTier" not in sent(asked(service_tier=tier))


def test_a_tier_that_gemini_does_not_have_is_refused() -> None:
    assert refused(asked(service_tier="scale")).param == "service_tier"


@pytest.mark.parametrize("seed", [2**31, -(2**31) - 1])
def test_a_seed_of_more_than_32_bits_is_refused(seed: int) -> None:
    assert refused(asked(seed=seed)).param == "seed"


@pytest.mark.parametrize(
    ("wanted", "config"),
    [
        (OutputFormat(), {"responseMimeType": "application/json"}),
        (
            OutputFormat(SCHEMA, "answer", strict=True),
            {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        ),
    ],
)
def test_structured_output(wanted: OutputFormat, config: dict[str, Any]) -> None:
    assert sent(asked(output_format=wanted))["generationConfig"] == config


@pytest.mark.parametrize(
    ("wish", "model", "config"),
    [
        (ReasoningWish(effort="low"), "gemini-2.5-flash", {"thinkingBudget": 1024, "includeThoughts": True}),
        (ReasoningWish(effort="high"), "gemini-2.5-flash", {"thinkingBudget": 24576, "includeThoughts": True}),
        (ReasoningWish(effort="max"), "gemini-2.5-flash", {"thinkingBudget": 24576, "includeThoughts": True}),
        (ReasoningWish(effort="max"), "gemini-2.5-pro", {"thinkingBudget": 32768, "includeThoughts": True}),
        (ReasoningWish(effort="none"), "gemini-2.5-flash", {"thinkingBudget": 0}),
        (ReasoningWish(effort="none"), "gemini-2.5-pro", {"thinkingBudget": 128}),
        (ReasoningWish(enabled=False), "gemini-2.5-flash-lite", {"thinkingBudget": 0}),
        (ReasoningWish(budget_tokens=100), "gemini-2.5-flash-lite", {"thinkingBudget": 512, "includeThoughts": True}),
        (ReasoningWish(budget_tokens=5000), "gemini-2.5-flash", {"thinkingBudget": 5000, "includeThoughts": True}),
        (ReasoningWish(budget_tokens=31999), "gemini-2.5-flash", {"thinkingBudget": 24576, "includeThoughts": True}),
        (ReasoningWish(enabled=True), "gemini-2.5-flash", {"thinkingBudget": -1, "includeThoughts": True}),
        (ReasoningWish(effort="low", visible=False), "gemini-2.5-flash", {"thinkingBudget": 1024}),
        (ReasoningWish(visible=True), "gemini-2.5-flash", {"includeThoughts": True}),
        (ReasoningWish(effort="low"), "gemini-3-pro-preview", {"thinkingLevel": "LOW", "includeThoughts": True}),
        (ReasoningWish(effort="medium"), "gemini-3-pro-preview", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        (
            ReasoningWish(effort="medium"),
            "gemini-3.1-pro-preview",
            {"thinkingLevel": "MEDIUM", "includeThoughts": True},
        ),
        (
            ReasoningWish(effort="minimal"),
            "gemini-3-flash-preview",
            {"thinkingLevel": "MINIMAL", "includeThoughts": True},
        ),
        (ReasoningWish(effort="minimal"), "gemini-3.1-pro-preview", {"thinkingLevel": "LOW", "includeThoughts": True}),
        (ReasoningWish(effort="none"), "gemini-3-flash-preview", {"thinkingLevel": "MINIMAL"}),
        (ReasoningWish(effort="none"), "gemini-3.1-pro-preview", {"thinkingLevel": "LOW"}),
        (ReasoningWish(budget_tokens=1024), "gemini-flash-latest", {"thinkingLevel": "LOW", "includeThoughts": True}),
        (ReasoningWish(budget_tokens=4096), "gemini-3.5-flash", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        (ReasoningWish(budget_tokens=31999), "gemini-3.5-flash", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        (ReasoningWish(enabled=True), "gemini-3.5-flash", {"includeThoughts": True}),
    ],
)
def test_how_much_to_think_in_the_terms_of_each_generation(
    wish: ReasoningWish, model: str, config: dict[str, Any]
) -> None:
    assert sent(asked(reasoning=wish), model)["generationConfig"] == {"thinkingConfig": config}


def test_a_wish_that_says_nothing_is_not_passed_on() -> None:
    assert "generationConfig" not in sent(asked(reasoning=ReasoningWish()))


def test_functions() -> None:
    assert sent(asked(tools=[WEATHER, NOW])) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "weather", "description": "How it is outside.", "parametersJsonSchema": SCHEMA},
                    {"name": "now"},
                ]
            }
        ],
    }


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("none", allowed=["now"]), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("tool", "now"), {"mode": "ANY", "allowedFunctionNames": ["now"]}),
        (ToolChoice("required", allowed=["now"]), {"mode": "ANY", "allowedFunctionNames": ["now"]}),
        (ToolChoice("auto", allowed=["now"]), {"mode": "VALIDATED", "allowedFunctionNames": ["now"]}),
    ],
)
def test_which_functions_may_be_called(choice: ToolChoice, calling: dict[str, Any]) -> None:
    body = sent(asked(tools=[WEATHER, NOW], tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": calling}


@pytest.mark.parametrize("choice", [None, ToolChoice("auto")])
def test_a_strict_function_is_kept_to_its_schema(choice: ToolChoice | None) -> None:
    body = sent(asked(tools=[Tool("weather", None, SCHEMA, strict=True)], tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


def native(type: str, **settings: Any) -> NativeTool:
    return NativeTool("openai_chat", type, {"type": type, **settings}, "tools[0]")


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        (native("web_search"), "googleSearch"),
        (native("web_search_preview", search_context_size="low"), "googleSearch"),
        (native("web_search_preview_2025_03_11"), "googleSearch"),
        (native("web_search_20250305", name="web_search", max_uses=5), "googleSearch"),
        (native("web_search_options", user_location={"type": "approximate"}), "googleSearch"),
        (native("web_fetch_20250910", name="web_fetch"), "urlContext"),
        (native("code_interpreter", container={"type": "auto"}), "codeExecution"),
        (native("code_execution_20250825"), "codeExecution"),
    ],
)
def test_a_tool_that_the_provider_runs_becomes_the_one_that_gemini_has(tool: NativeTool, name: str) -> None:
    assert sent(asked(native_tools=[tool]))["tools"] == [{name: {}}]


@pytest.mark.parametrize(
    ("tool", "field"),
    [
        (native("image_generation"), "tools[0]"),
        (native("web_searching"), "tools[0]"),
        (native("web_search", filters={"allowed_domains": ["example.com"]}), "tools[0].filters"),
        (native("web_search_20250305", blocked_domains=["example.com"]), "tools[0].blocked_domains"),
        (native("code_interpreter", container={"file_ids": ["file-1"]}), "tools[0].container.file_ids"),
    ],
)
def test_a_tool_or_a_setting_that_gemini_does_not_have_is_refused(tool: NativeTool, field: str) -> None:
    assert refused(asked(native_tools=[tool])).param == field


def test_geminis_own_tools_are_passed_on_and_live_beside_functions_where_a_model_allows_both() -> None:
    request = asked(tools=[NOW], native_tools=[NativeTool("gemini", "googleSearch", {}, "tools[1]")])
    assert sent(request, NEWER_MODEL)["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert sent(request, NEWER_MODEL)["tools"][1] == {"googleSearch": {}}
    assert "toolConfig" not in sent(request, MODEL)


def test_a_schema_nested_too_deeply_is_the_clients_mistake() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"items": schema}
    assert refused(asked(tools=[Tool("now", None, schema)])).status == 400
