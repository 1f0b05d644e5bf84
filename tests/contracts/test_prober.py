"""What every cloud promises about asking applications how they are."""

from uuid import uuid4

import pytest

from contracts.clouds import Bed
from muster.model.observed import Server
from muster.model.pool import Traffic
from muster.model.step import Operation
from muster.ports.prober import Question


@pytest.fixture(autouse=True)
def _answers(bed: Bed) -> None:
    if not bed.answers:
        pytest.skip("nothing runs in the servers of this bed")


def _question(bed: Bed, server: Server, traffic: Traffic = Traffic.HTTP) -> Question:
    return Question(
        node_id=server.node_id,
        server_id=server.server_id,
        address=server.address,
        port=bed.port,
        path=bed.health_path,
        traffic=traffic,
    )


async def test_an_application_that_has_started_is_well(bed: Bed) -> None:
    server = await bed.running(bed.order(uuid4()))
    for traffic in (Traffic.HTTP, Traffic.TCP):
        question = _question(bed, server, traffic)

        async def well(question: Question = question) -> bool:
            return await bed.cloud.prober.ask([question]) == {question.node_id: None}

        await bed.until(well)
    await bed.cloud.compute.delete_server(server.ref)


async def test_one_that_was_stopped_is_not_and_the_reason_is_said(bed: Bed) -> None:
    server = await bed.running(bed.order(uuid4()))
    await bed.cloud.compute.operate_server(server.ref, Operation.STOP)
    question = _question(bed, server)

    async def unwell() -> bool:
        return bool((await bed.cloud.prober.ask([question]))[server.node_id])

    await bed.until(unwell)
    await bed.cloud.compute.delete_server(server.ref)


async def test_every_question_is_answered(bed: Bed) -> None:
    servers = [await bed.running(bed.order(uuid4(), index)) for index in range(3)]
    answers = await bed.cloud.prober.ask([_question(bed, server) for server in servers])
    assert answers.keys() == {server.node_id for server in servers}
    assert await bed.cloud.prober.ask([]) == {}
    for server in servers:
        await bed.cloud.compute.delete_server(server.ref)
