"""A message as a CloudEvent, signed as the Standard Webhooks specification says. Pure.

CloudEvents 1.0, JSON event format (structured mode): cloudevents.io. The signature is ``v1,`` and the base64 of an
HMAC-SHA256 over ``id.timestamp.body``, with a key that is written as ``whsec_`` and base64: standardwebhooks.com.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.notify.messages import CARRIED

if TYPE_CHECKING:
    from reconciler.notify.messages import Message

CONTENT_TYPE = "application/cloudevents+json"
_PREFIX = "whsec_"
_SHORTEST_KEY = 16


def key_of(secret: str) -> bytes | None:
    """The key of a secret; None if it is not one: base64 of at least 16 bytes, with ``whsec_`` before it or not."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) >= _SHORTEST_KEY else None


def headers(message_id: str, at: datetime, body: bytes, key: bytes) -> dict[str, str]:
    """The headers of a request, its signature among them; the id is the same in each try, the time is not."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": CONTENT_TYPE,
        "user-agent": "reconciler",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def cloud_event(message: Message, message_id: str) -> bytes:
    """The message as JSON; apps beyond a number are counted and not listed."""
    occasion = message.occasion
    event = {
        "specversion": "1.0",
        "id": message_id,
        "source": f"/reconcile/{quote(occasion.environment, safe='')}".rstrip("/"),
        "type": f"reconcile.{message.topic}",
        "time": occasion.at.isoformat(),
        "datacontenttype": "application/json",
        "data": _data(message),
    }
    return json.dumps(event, ensure_ascii=True).encode()


def _data(message: Message) -> dict[str, Any]:
    return {
        "title": message.title,
        "environment": message.occasion.environment,
        "run_url": message.occasion.run_url,
        "counts": Counter(topic for topic, _ in message.news),
        "apps": [
            {
                "app": one.app,
                "event": topic,
                "state": one.word,
                "reason": one.reason,
                "next": one.next,
                "url": one.url,
            }
            for topic, one in message.news[:CARRIED]
        ],
    }
