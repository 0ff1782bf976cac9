"""The stored form of session keys."""

from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import names
from feeds.core.keys import is_stored_form, stored_key

KEYS = st.from_regex(names.SESSION_KEY, fullmatch=True)


def test_stored_form_never_changes() -> None:
    """A key always has this stored form, because stored rows depend on it."""
    assert stored_key("O2Lxqp1FQgxtu_1BtctTOA") == (
        "O2Lxqp1F.PWLxjWCMiCP56cj2HiBW8EhhyZqCdQ8Er9R_iOaxOOU"
    )


@given(KEYS)
def test_stored_form_reveals_only_the_prefix(key: str) -> None:
    """The stored form has the prefix, fits its column, and is not a key that a client may use."""
    stored = stored_key(key)
    assert names.key_prefix(stored) == names.key_prefix(key)
    assert is_stored_form(stored)
    assert not is_stored_form(key)
    assert not names.is_session_key(stored)
    assert key not in stored
    assert len(stored) <= 64


@given(st.lists(KEYS, min_size=2, max_size=9, unique=True))
def test_different_keys_have_different_stored_forms(keys: list[str]) -> None:
    """Two keys never share a stored form."""
    assert len({stored_key(key) for key in keys}) == len(keys)
