"""The block sentence, said by anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import names
from clientapp.wire.from_server import Ack
from clientapp.wire.sentence import Sentence, parse_sentence


@given(
    st.from_regex(names.CLIENT_NAME, fullmatch=True).filter(names.is_client_name),
    st.integers(1, 2**53 - 1),
    st.integers(0, 10**9 - 1),
)
def test_parse_undoes_str(client: str, block: int, milliseconds: int) -> None:
    """Every sentence that a client may say is understood."""
    sentence = Sentence(client, block, milliseconds / 1000)

    assert parse_sentence(str(sentence)) == sentence


def test_spaces_around_it_do_not_matter() -> None:
    """A line feed at the end, as a terminal sends it, is not part of it."""
    assert parse_sentence(" Client bob received 1 block in 2 s time\n") == Sentence("bob", 1, 2.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hey Server!",
        "client bob received 1 block in 2 s time",
        "Client  received 1 block in 2 s time",
        "Client bob received 0 block in 2 s time",
        "Client bob received 01 block in 2 s time",
        "Client bob received 1 blocks in 2 s time",
        "Client bob received 1 block in -2 s time",
        "Client bob received 1 block in 2. s time",
        "Client bob received 1 block in 1e5 s time",
        "Client bob received 1 block in 2 s time!",
        "Client b\nob received 1 block in 2 s time",
        "Client b\0ob received 1 block in 2 s time",
        "Client bob received \u0661 block in 2 s time",
        f"Client {'b' * 65} received 1 block in 2 s time",
        f"Client bob received {'9' * 5000} block in 2 s time",
    ],
    ids=lambda text: ascii(text)[:60],
)
def test_anything_else_is_not_the_sentence(text: str) -> None:
    """What differs from the wording is text like any other."""
    assert parse_sentence(text) is None


def test_every_block_can_be_acknowledged() -> None:
    """A number that an acknowledgement cannot carry is not understood."""
    last = parse_sentence(f"Client bob received {2**53 - 1} block in 2 s time")
    assert last is not None
    assert Ack.read(Ack(block=last.block, verdict="verified").write()).block == 2**53 - 1

    assert parse_sentence(f"Client bob received {2**53} block in 2 s time") is None
