"""Webhooks: CloudEvents that anyone can verify as the Standard Webhooks specification says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from reconciler.notify.messages import CARRIED, News, Occasion, message, trial
from reconciler.notify.webhook import cloud_event, headers, key_of
from tests.notify.test_messages import AT, channel
from tests.support.receiver import SECRET, verified


def test_the_signature_is_the_one_of_the_specifications_own_example():
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert key is not None
    at = datetime.fromtimestamp(1614265330, UTC)
    found = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', key)
    assert found["webhook-timestamp"] == "1614265330"
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_one_byte_more_and_the_signature_is_wrong():
    key = key_of(SECRET)
    assert key is not None
    found = headers("msg_1", AT.at, b"{}", key)
    assert verified(found, b"{}")
    assert not verified(found, b"{} ")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "not base64 at all!", "whsec_ä" * 9])
def test_what_is_no_secret_signs_nothing(secret: str):
    assert key_of(secret) is None


def test_a_secret_may_come_without_its_prefix():
    assert key_of(SECRET) == key_of(SECRET.removeprefix("whsec_"))


def test_a_message_is_a_cloud_event(snapshot):
    news = [
        News("shop", ("rolled_back",), "rolled back", "503", "reconcile status shop", "https://shop.example"),
        News("desk", ("stalled",), "stalled"),
    ]
    found = message(news, AT, channel())
    assert found is not None
    assert json.loads(cloud_event(found, "msg_1")) == snapshot


def test_an_event_has_what_the_specification_requires_and_is_bounded():
    news = [News(f"a{n}", ("stalled",), "stalled", "x" * 300) for n in range(CARRIED + 5)]
    large = message(news, Occasion("a b/ä", AT.at), channel())
    assert large is not None
    event = json.loads(cloud_event(large, "msg_1"))
    assert {"specversion": "1.0", "id": "msg_1", "source": "/reconcile/a%20b%2F%C3%A4"}.items() <= event.items()
    assert datetime.fromisoformat(event["time"]) == AT.at
    assert (len(event["data"]["apps"]), event["data"]["counts"]) == (CARRIED, {"stalled": CARRIED + 5})
    assert json.loads(cloud_event(trial(Occasion("", AT.at)), "msg_2"))["source"] == "/reconcile"
