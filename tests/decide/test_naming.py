"""Names of members: what each token of a format becomes."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.decide.naming import FORMAT, node_name

NODE = UUID(int=7)


@pytest.mark.parametrize(
    ("pattern", "index", "name"),
    [("web-$3I", 1, "web-001"), ("web-$I", 12, "web-12"), ("$2I-x", 1234, "1234-x"), ("a", 1, "a")],
)
def test_the_index_is_padded_to_the_width_asked_for(pattern: str, index: int, name: str) -> None:
    assert node_name(pattern, index, NODE) == name


def test_without_a_format_a_member_gets_eight_random_characters() -> None:
    name = node_name(FORMAT, 1, NODE)
    assert name.startswith("node-")
    assert len(name) == 13


@given(width=st.integers(0, 300), lower=st.booleans(), id=st.uuids())
def test_random_characters_start_with_a_letter_and_are_letters_and_digits(
    width: int, lower: bool, id: UUID
) -> None:
    name = node_name(f"${width}{'r' if lower else 'R'}", 1, id)
    assert len(name) == min(width, 255)
    assert name.isalnum() if width else not name
    assert not name[:1].isdigit()
    assert not lower or name == name.lower()


def test_two_tokens_of_one_name_are_drawn_apart() -> None:
    first, second = node_name("$8R-$8R", 1, NODE).split("-")
    assert first != second


def test_the_same_node_is_named_the_same_and_another_one_is_not() -> None:
    assert node_name(FORMAT, 1, NODE) == node_name(FORMAT, 1, NODE)
    assert node_name(FORMAT, 1, NODE) != node_name(FORMAT, 1, uuid4())


def test_what_is_no_token_stays() -> None:
    assert node_name("a$b-$9X", 1, NODE) == "a$b-$9X"
