"""Messages: citations as an answer carries them.

Anthropic's own go out as they came. One of another provider's has an address and goes out as a result of web search,
without the index by which Anthropic would know it again; that is how it is told apart when it comes back.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.conversation import Citation
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES

_WEB: Final = "web_search_result_location"


def written_citation(citation: Citation) -> dict[str, Any] | None:
    """The citation; None for one that cannot be said in this dialect."""
    if citation.native is not None and citation.dialect == ANTHROPIC_MESSAGES:
        return citation.native
    if citation.url is None:
        return None
    return {
        "type": _WEB,
        "cited_text": citation.cited_text or "",
        "encrypted_index": "",
        "title": citation.title or "",
        "url": citation.url,
    }


def is_ours(native: dict[str, Any]) -> bool:
    """Whether the gateway wrote it for another provider's answer."""
    return native.get("type") == _WEB and not native.get("encrypted_index")
