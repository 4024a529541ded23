"""What models of other makers thought, in a request that is passed on as it is: who cannot read that refuses it.

Clients hand back what the gateway gave them, and the model that goes on may be another than the one that thought.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from gateway.dialects.stamps import MARK, read_stamp

STAMPED: Final = f'"{MARK}:'.encode()
"""In every body that holds such a signature."""

_raws_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode: Final = msgspec.json.Encoder().encode


class _Item(msgspec.Struct, gc=False):
    type: str | None = None
    encrypted_content: str | None = None


_item_decoder = msgspec.json.Decoder(_Item)


def without_members(messages: msgspec.Raw, names: Collection[str]) -> msgspec.Raw:
    """Chat's messages without these members. Raises ValueError, RecursionError for what is no list of objects."""
    kept = [
        {name: value for name, value in _members_decoder.decode(message).items() if name not in names}
        for message in _raws_decoder.decode(messages)
    ]
    return msgspec.Raw(_encode(kept))


def without_foreign_items(given: msgspec.Raw, maker: str) -> msgspec.Raw:
    """The input of Responses without the reasoning that a model of another maker than `maker` signed.

    Raises ValueError, RecursionError for what is no list.
    """
    items = _raws_decoder.decode(given)
    return msgspec.Raw(_encode([item for item in items if not _is_foreign(item, maker)]))


def _is_foreign(item: msgspec.Raw, maker: str) -> bool:
    try:
        read = _item_decoder.decode(item)
    except ValueError:
        return False  # the provider's to judge
    return read.type == "reasoning" and read_stamp(read.encrypted_content or "", maker)[0] != maker
