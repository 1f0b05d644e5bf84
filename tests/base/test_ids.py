"""Ids that follow from others."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from muster.base.ids import derived


@given(st.uuids(), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_derived_id_is_what_uuid5_says(origin: UUID, name: str) -> None:
    assert derived(origin, name) == uuid5(origin, name)
    assert derived(origin, name).version == 5
