"""Numbers of every size are read, or refused by the name of their field."""

import pytest

from office import Office


@pytest.mark.parametrize("said", ["1" + "0" * 400, "-1" + "0" * 400, "1e300", "-0.5"])
async def test_a_number_beyond_its_bounds_is_refused_by_name(office: Office, said: str) -> None:
    body = f'{{"timeout": {said}, "scale_out_threshold": {said}}}'
    headers = {"x-name": "ann", "content-type": "application/json"}
    answer = await office.clients["all"].post("/v1/clusters", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert "scale_out_threshold" in answer.text
