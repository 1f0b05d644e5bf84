"""Questions of lifecycle hooks: delivered once, to the right place, or refused for a reason."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from memory import in_memory
from muster.base.clock import ManualClock
from muster.base.errors import Permanent, Transient
from muster.drivers.hooks import Post
from muster.model.removal import Hook, HookType
from muster.model.step import PostHook
from muster.ports.store import Query
from muster.store.signals import LocalSignal

URL = "https://user:pass@agrees.test/secret/path?key=hidden"
QUESTION = PostHook(
    node_id=uuid4(),
    hook=Hook(type=HookType.QUEUE, queue="leaving"),
    project="red",
    token=uuid4(),
    ref="server-7",
    why="it is to go",
)
SENT = replace(QUESTION, hook=Hook(type=HookType.WEBHOOK, url=URL))
BODY = {
    "lifecycle_action_token": str(QUESTION.token),
    "node_id": str(QUESTION.node_id),
    "resource_id": "server-7",
    "lifecycle_transition_type": "termination",
}


class Listener:
    """Whoever is asked by HTTP: answers with the next of `answers`, for ever with the last."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        headers = {"location": "http://elsewhere.test/"} if status == 302 else {}
        return httpx2.Response(status, headers=headers)


@pytest.fixture
async def store() -> AsyncIterator[Any]:
    opened = await in_memory(LocalSignal())
    yield opened
    await opened.close()


def post(store: Any, *answers: int) -> tuple[Post, Listener]:
    listener = Listener(*(answers or (204,)))
    transport = httpx2.MockTransport(listener.answer)
    return Post(store, ManualClock(), transport), listener


async def messages(store: Any) -> list[Any]:
    found: list[Any] = await store.read(lambda tx: tx.messages.find(Query()))
    return found


async def test_a_question_lies_in_its_queue_once(store):
    asking, listener = post(store)
    for _ in range(3):
        await asking.post(QUESTION)
    (message,) = await messages(store)
    assert (message.project, message.queue, message.body) == ("red", "leaving", BODY)
    assert listener.asked == []


async def test_another_question_is_another_message(store):
    asking, _ = post(store)
    await asking.post(QUESTION)
    await asking.post(replace(QUESTION, token=uuid4()))
    assert len(await messages(store)) == 2


async def test_asking_again_takes_nothing_from_who_has_taken_it(store):
    asking, _ = post(store)
    await asking.post(QUESTION)
    (message,) = await messages(store)
    taken = replace(message, claimed_until=ManualClock().now())
    await store.write(lambda tx: tx.messages.put(taken))
    await asking.post(QUESTION)
    assert await messages(store) == [taken]


async def test_a_question_goes_to_its_url_with_a_key_that_makes_it_one(store):
    asking, listener = post(store)
    for _ in range(2):
        await asking.post(SENT)
    first, second = listener.asked
    assert json.loads(first.content) == BODY
    assert (first.url.scheme, first.url.path) == ("https", "/secret/path")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert await messages(store) == []


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
async def test_what_may_pass_is_to_be_tried_again(store, status):
    asking, _ = post(store, status)
    with pytest.raises(Transient, match=str(status)):
        await asking.post(SENT)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
async def test_what_will_not_pass_is_said_for_good(store, status):
    asking, listener = post(store, status)
    with pytest.raises(Permanent, match=str(status)):
        await asking.post(SENT)
    assert len(listener.asked) == 1  # and nobody is sent on to another address


@pytest.mark.parametrize("status", [500, 404])
async def test_what_is_secret_in_a_url_is_never_told(store, status):
    asking, _ = post(store, status)
    with pytest.raises((Transient, Permanent)) as told:
        await asking.post(SENT)
    assert not any(word in told.value.text for word in ("secret", "hidden", "pass"))


async def test_nobody_answering_is_to_be_tried_again(store):
    def silent(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused", request=request)

    asking = Post(store, ManualClock(), httpx2.MockTransport(silent))
    with pytest.raises(Transient, match="connection refused"):
        await asking.post(SENT)


@pytest.mark.parametrize("url", ["", "agrees.test", "file:///etc/passwd", "http://", "ftp://x/y"])
async def test_a_url_that_is_none_is_refused_for_good(store, url):
    asking, listener = post(store)
    with pytest.raises(Permanent):
        await asking.post(replace(SENT, hook=Hook(type=HookType.WEBHOOK, url=url)))
    assert listener.asked == []


async def test_a_hook_without_a_queue_is_refused_for_good(store):
    asking, _ = post(store)
    with pytest.raises(Permanent):
        await asking.post(replace(QUESTION, hook=Hook(type=HookType.QUEUE)))


async def test_anything_is_told_to_a_url_once_by_its_token(store):
    asking, listener = post(store)
    await asking.send("https://hooks.test/before", QUESTION.token, {"server": "m1"})
    (request,) = listener.asked
    assert (str(request.url), request.content) == ("https://hooks.test/before", b'{"server":"m1"}')
    assert request.headers["idempotency-key"] == str(QUESTION.token)
