"""Direct Messages as X writes them: v1.1, v2, and the deliveries of its webhooks with their signature."""

import base64
import hmac
import html
import json
import re
import time

import requests

# What X makes a link of, with or without its scheme.
LINK = re.compile(
    r"https?://[^\s]*[^\s.,;:!?)]|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|example)\b(?:/[^\s,;)]*)?",
    re.IGNORECASE | re.ASCII,
)


def message_on_the_wire(message, account):
    links = {}
    text = LINK.sub(lambda found: links.setdefault(found[0], f"https://t.co/{len(links)}a{message['id'][-6:]}"), message["text"])
    # Some bear a link that nobody has written: the card's.
    if int(message["id"]) % 2:
        text += f" https://t.co/{message['id'][-8:]}"
    urls = [{"url": short, "expanded_url": link, "display_url": link} for link, short in links.items()]
    create = {
        "target": {"recipient_id": message["to_user_id"]},
        "sender_id": message["sender"],
        "message_data": {
            "text": html.escape(text, quote=False),
            "entities": {"hashtags": [], "symbols": [], "urls": urls, "user_mentions": []},
        },
    }
    if message["sender"] == account.user_id:
        create["source_app_id"] = "268278"
    return {
        "type": "message_create",
        "id": message["id"],
        "created_timestamp": str(message["created_ms"]),
        "message_create": create,
    }


def message_of_v2(message):
    people = sorted((message["sender"], message["to_user_id"]), key=int)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(message["created_ms"] // 1000))
    return {
        "id": message["id"],
        "event_type": "MessageCreate",
        "text": html.escape(message["text"], quote=False),
        "sender_id": message["sender"],
        "dm_conversation_id": "-".join(people),
        "created_at": f"{at}.{message['created_ms'] % 1000:03}Z",
    }


def delivery(account, messages):
    """The body of a webhook of the Account Activity API."""
    return {
        "for_user_id": account.user_id,
        "direct_message_events": [message_on_the_wire(message, account) for message in messages],
        "apps": {"268278": {"id": "268278", "name": "My Care App", "url": "https://care.example"}},
        "users": {message["sender"]: {"id": message["sender"]} for message in messages},
    }


def deliver(address, account, body, signature=None):
    """Posts a delivery as X does, signed with the app's consumer secret."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return requests.post(
        address,
        data=raw,
        headers={
            "content-type": "application/json",
            "x-twitter-webhooks-signature": signature or signed(account, raw),
        },
        timeout=10,
    )


def signed(account, raw):
    """What X puts into a header, and what it expects where it asks whose an address is."""
    made = hmac.new(account.consumer_secret.encode(), raw, "sha256").digest()
    return f"sha256={base64.b64encode(made).decode()}"
