"""Where the shared store is, as the environment says."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.reader import Reader
from gateway.config.secrets import HIDDEN
from gateway.config.settings import Store
from gateway.config.store_address import BadStoreAddress, StoreAddress, read_store_address

_SOME = StoreAddress(kind="server")


def read_store(reader: Reader, store: Store, environ: Mapping[str, str]) -> StoreAddress | None:
    """The address in the variable that `store` names; None where the usual variable is not set.

    One that cannot be understood is still one: whoever wrote it means to share.
    """
    if reader.is_wrong(("store", "url_env")):
        return _SOME
    text = environ.get(store.url_env, "").strip()
    if not text:
        if store.url_env != Store().url_env:  # somebody meant to share: alone, every limit would hold per process
            reader.note_variable(store.url_env, "the store's URL, as store.url_env says", "nothing")
            return _SOME
        return None
    try:
        return read_store_address(text)
    except BadStoreAddress as problem:
        reader.note_variable(store.url_env, str(problem), HIDDEN)
        return _SOME
