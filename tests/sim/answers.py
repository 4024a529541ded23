"""What a virtual model says to one question: thoughts with a signature, a text or JSON, calls of functions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final, NamedTuple

from tests.sim.counting import continued, counted
from tests.sim.turns import Call, Told, Who

Json = dict[str, Any]
HEAD, TAIL = '{"count": "', '"}'
"""Around the words of a structured answer."""
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {"count": {"type": "string"}},
    "required": ["count"],
    "additionalProperties": False,
}
TOOLS: Final = ("count_up", "count_down")
LOOKUP: Final = "look_up"
"""A tool of the gateway's."""


class Bill(NamedTuple):
    """What a provider says that an answer cost."""

    prompt: int
    completion: int
    cached: int = 0
    """Of the prompt."""
    reasoning: int = 0
    """Of the completion."""

    @property
    def total(self) -> int:
        return self.prompt + self.completion


class Question(NamedTuple):
    """A request as a provider reads it."""

    model: str
    streamed: bool
    begun: str = ""
    """The beginning of the answer, which the model is to go on with; "" where there is none."""
    inputs: int = 0
    """How many embeddings are asked for."""
    tools: tuple[str, ...] = ()
    """The functions that it may call."""
    thinks: bool = False
    """It is to think first, and to show it."""
    structured: bool = False
    """It is to answer with JSON of the schema that it is given."""
    id: str = ""
    """Which one it is."""
    told: Told = ()
    """The conversation, but for an answer that is begun."""
    signatures: tuple[str, ...] = ()
    """Of earlier thoughts."""
    must_not_call: bool = False
    earlier: str = ""
    """The response of the provider's own that it goes on from."""


class Answer(NamedTuple):
    """All that is said, in this order."""

    thought: str = ""
    signature: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()

    @property
    def characters(self) -> int:
        return len(self.thought) + len(self.text) + sum(len(call.arguments) for call in self.calls)

    def until(self, said: int) -> Answer:
        """What of it so many characters are."""
        thought, said = self.thought[:said], max(0, said - len(self.thought))
        text, said = self.text[:said], max(0, said - len(self.text))
        calls = []
        for call in self.calls:
            calls.append(call._replace(arguments=call.arguments[:said]))
            said = max(0, said - len(call.arguments))
        return Answer(thought, self.signature, text, tuple(calls))


def answer_for(question: Question, chance: Random, *, contrary: bool, who: str) -> tuple[Answer, Bill]:
    """What a model says to it, all of it, and what that costs; `who` says it in a mind of its own where `contrary`."""
    words = chance.choice([1, 5, 20, 60]) + chance.randint(0, 9)
    other_mind = contrary and chance.random() < 0.3
    text = _begun_anew(question, words) if question.begun else _whole(question, words, other_mind=other_mind)
    prompt, completion = chance.randint(5, 500), 0 if question.inputs else max(1, len(text.split()))
    if question.inputs:
        return Answer(text=text), Bill(prompt, 0)
    answer = Answer(text=text)
    if question.thinks:
        answer = answer._replace(
            thought=f"Let {who} count to {words}: {counted(words)}.", signature=f"sig-{who}-{prompt}=="
        )
    if names := _called(question, prompt):
        calls = tuple(
            Call(f"call_{who}_{number}_{prompt}", name, _arguments(words + number)) for number, name in enumerate(names)
        )
        answer = answer._replace(text=text if prompt % 3 else "", calls=calls)
    return answer, Bill(prompt, completion, prompt // 3 * (prompt % 2), completion // 2 * (prompt % 3 == 0))


def _called(question: Question, prompt: int) -> list[str]:
    """What it calls: mostly the gateway's tool first, and the client's functions when that has answered."""
    own = [name for name in question.tools if name != LOOKUP]
    if question.must_not_call or not question.tools:
        return []
    if LOOKUP in question.tools:
        results = [entry for entry in question.told if entry.who is Who.RESULT]
        if prompt % 8 if not results else prompt % 3 == 0:
            return [LOOKUP] * (1 + prompt % 2) + own[: prompt % 5 == 2]
    return [own[number % len(own)] for number in range(1 + prompt % 2)] if own else []


def words_of(text: str) -> str:
    """What is counted in a text, be it in JSON."""
    if not text.startswith(HEAD[:1]):
        return text
    return text[len(HEAD) :].removesuffix("}").removesuffix('"')


def same_arguments(one: str, other: str) -> bool:
    """Some write JSON anew."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def pieces_of(text: str, sizes: Iterator[int]) -> Iterator[str]:
    """`text` in pieces of these sizes, which do not care for words."""
    start = 0
    while start < len(text):
        size = next(sizes)
        yield text[start : start + size]
        start += size


def _whole(question: Question, words: int, *, other_mind: bool) -> str:
    text = counted(words, other_mind=other_mind)
    return HEAD + text + TAIL if question.structured else text


def _begun_anew(question: Question, words: int) -> str:
    begun = question.begun
    if not begun.startswith(HEAD[:1]):
        return continued(begun, words)
    inner = words_of(begun)
    whole = HEAD + (inner + continued(inner, words) if inner else counted(words)) + TAIL
    return whole[len(begun) :]


def _arguments(words: int) -> str:
    return json.dumps({"count": counted(words)})
