"""Queries to Prometheus: what is a reading, what is none, and what is wrong."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import prometheuses
import traffic
from muster.base.errors import DriverError, Invalid, Permanent, Transient
from muster.drivers.prometheus import Options, Prometheus, parsed
from prometheuses import StandIn, failure, success


@pytest.fixture(scope="module")
async def standing() -> AsyncIterator[StandIn]:
    async with prometheuses.stand_in() as made:
        yield made


@pytest.fixture
def server(standing: StandIn) -> StandIn:
    """Return a server that has said and heard nothing yet."""
    standing.says.clear()
    standing.asked.clear()
    standing.tokens.clear()
    standing.silent = False
    return standing


@pytest.fixture(scope="module")
async def metrics(standing: StandIn) -> AsyncIterator[Prometheus]:
    """Return a client, made once: it reads all authorities of this machine."""
    made = Prometheus(Options(url=standing.url))
    yield made
    await made.close()


async def test_the_one_number_of_a_query_is_its_value(server: StandIn, metrics: Prometheus) -> None:
    query = 'avg(rate(jobs{queue="a b&c"}[1m]))\n/ 2'
    server.gives(query, 12.5)
    assert await metrics.value(query) == 12.5
    assert server.asked == [query]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (success("scalar", [1, "3"]), 3.0),
        (success("vector", []), None),
        (success("vector", [{"metric": {}, "value": [1, "NaN"]}]), None),
        (success("vector", [{"metric": {}, "value": [1, "+Inf"]}]), None),
        (success("vector", [{"metric": {}, "value": [1, "-0.5"]}]), -0.5),
    ],
)
async def test_what_is_no_number_is_no_reading(
    server: StandIn, metrics: Prometheus, said: Any, value: float | None
) -> None:
    server.says["q"] = (200, said)
    assert await metrics.value("q") == value


@pytest.mark.parametrize(
    ("status", "said", "error", "words"),
    [
        (400, failure("bad_data", "parse error: unexpected end"), Permanent, "unexpected end"),
        (401, b"who are you?", Permanent, "401"),
        (404, b"<html>not here</html>", Permanent, "not like Prometheus"),
        (422, failure("execution", "many-to-many"), Permanent, "many-to-many"),
        (429, b"", Transient, "429"),
        (503, failure("timeout", "query timed out"), Transient, "query timed out"),
        (200, b"hello", Transient, "not like Prometheus"),
        (200, success("vector", [{"value": [1, "1"]}, {"value": [1, "2"]}]), Permanent, "2 numb"),
        (200, success("matrix", []), Permanent, "gives a matrix"),
        (200, success("vector", [{"value": "x"}]), Transient, "cannot be understood"),
        (200, success("vector", None), Transient, "cannot be understood"),
        (200, success("vector", [{"value": [1, "1"]}] * 50_000), Permanent, "aggregate it"),
    ],
)
async def test_a_no_is_told_with_the_servers_words(
    server: StandIn,
    metrics: Prometheus,
    status: int,
    said: Any,
    error: type[DriverError],
    words: str,
) -> None:
    server.says["q"] = (status, said)
    with pytest.raises(error, match=words):
        await metrics.value("q")


async def test_a_server_that_says_nothing_is_waited_for_only_so_long(server: StandIn) -> None:
    server.silent = True
    metrics = Prometheus(Options(url=server.url, timeout_s=0.2))
    began = time.monotonic()
    with pytest.raises(Transient, match=r"does not answer in 0\.2 s"):
        await metrics.value("q")
    assert time.monotonic() - began < 5
    await metrics.close()


async def test_a_server_that_is_not_there_is_said_to_be_away() -> None:
    metrics = Prometheus(Options(url=f"http://127.0.0.1:{traffic.free_port()}"))
    with pytest.raises(Transient, match="does not answer"):
        await metrics.value("q")
    await metrics.close()


async def test_a_token_is_read_at_every_query(server: StandIn, tmp_path: Path) -> None:
    token = tmp_path / "token"
    metrics = Prometheus(Options(url=f"{server.url}/", token_file=str(token)))
    for secret in ("one", "two"):
        token.write_text(f"{secret}\n")
        await metrics.value("q")
    assert server.tokens == ["bearer one", "bearer two"]
    token.unlink()
    with pytest.raises(Transient, match="No such file"):
        await metrics.value("q")
    await metrics.close()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "prometheus.url"),
        ({"url": "localhost:9090"}, "prometheus.url"),
        ({"url": "ftp://x"}, "prometheus.url"),
        ({"url": "http://x", "timeout_s": 0}, "timeout_s"),
        ({"url": "http://x", "uri": "y"}, "uri"),
    ],
)
def test_a_wrong_setting_is_named(said: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parsed(said)
    assert caught.value.details["field"] == field


@pytest.mark.slow
async def test_a_real_prometheus_is_understood() -> None:
    with prometheuses.running() as url:
        metrics = Prometheus(Options(url=url, timeout_s=10))

        async def scraped() -> bool:
            return await metrics.value("sum(up)") == 1.0

        await traffic.until(scraped, 60)
        assert await metrics.value("vector(2) * 3") == 6.0
        assert await metrics.value("scalar(vector(7))") == 7.0
        assert await metrics.value("nothing_is_called_so") is None
        assert await metrics.value("vector(0) / 0") is None
        with pytest.raises(Permanent, match=r"refuses the query \(400\): .*parse error"):
            await metrics.value("sum(")
        with pytest.raises(Permanent, match=r"gives \d+ numbers"):
            await metrics.value("go_gc_duration_seconds")
        with pytest.raises(Permanent, match="gives a matrix"):
            await metrics.value("up[5m]")
        await asyncio.gather(*(metrics.value("sum(up)") for _ in range(20)))
        await metrics.close()
