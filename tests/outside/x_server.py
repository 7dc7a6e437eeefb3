"""X's wire over x_world.py: paths, forms, OAuth 1.0a, rate-limit headers, X's own dates and errors.

Signatures are checked by oauthlib's server side, over the request as it came.
"""

import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from oauthlib.oauth1 import RequestValidator, SignatureOnlyEndpoint

from x_messages import message_of_v2, message_on_the_wire
from x_world import Refusal

FORM = "application/x-www-form-urlencoded"
SIGNED_SECONDS_AGO_MAX = 300


class Keys(RequestValidator):
    """The keys that the world's accounts are reached with."""

    enforce_ssl = False  # plain http, on the loopback
    allowed_signature_methods = ("HMAC-SHA1",)
    timestamp_lifetime = 10**9  # judged by X's own clock, below
    dummy_client = "nobody"

    def __init__(self, accounts):
        super().__init__()
        self.clients = {account.consumer_key: account.consumer_secret for account in accounts}
        self.tokens = {(account.consumer_key, account.token): account for account in accounts}
        self.nonces = set()
        self.lock = threading.Lock()

    def check_client_key(self, client_key):
        return bool(client_key)

    def check_nonce(self, nonce):
        return bool(nonce)

    def validate_timestamp_and_nonce(self, client_key, timestamp, nonce, request, **_):
        with self.lock:
            fresh = (client_key, timestamp, nonce) not in self.nonces
            self.nonces.add((client_key, timestamp, nonce))
            return fresh

    def validate_client_key(self, client_key, request):
        return client_key in self.clients

    def get_client_secret(self, client_key, request):
        return self.clients.get(client_key, "no secret")

    def get_access_token_secret(self, client_key, token, request):
        account = self.tokens.get((client_key, token))
        return account.token_secret if account else "no secret"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.serve(b"")

    def do_POST(self):
        self.serve(self.rfile.read(int(self.headers["content-length"])))

    def serve(self, body):
        world = self.server.world
        world.answers.wait()
        self.limits = None
        try:
            account = self.authenticate(body)
            answer = self.route(account, urlsplit(self.path), body)
        except Refusal as refusal:
            if not refusal.scripted:
                with world.lock:
                    world.faults.append(f"{self.command} {self.path} {body.decode(errors='replace')}: {refusal}")
            self.reply(refusal.status, {"errors": [{"code": refusal.code, "message": refusal.message}]})
            return
        if answer is None:
            # Carried out, and the line goes dead before the answer.
            self.close_connection = True
            return
        self.reply(200, answer)

    def authenticate(self, body):
        uri = f"{self.server.scheme}://{self.headers['host']}{self.path}"
        authorization = self.headers.get("authorization", "")
        if not authorization.startswith("OAuth "):
            raise Refusal(400, 215, "Bad Authentication data.")
        signed_at = re.search(r'oauth_timestamp="(\d+)"', authorization)
        world = self.server.world
        is_old = signed_at and abs(int(signed_at[1]) - world.now_ms() / 1000) > SIGNED_SECONDS_AGO_MAX
        if is_old and time.monotonic() - world.moved_at > 2:
            raise Refusal(401, 135, "Timestamp out of bounds.", scripted=True)
        valid, request = self.server.endpoint.validate_request(
            uri, self.command, body.decode("utf-8"), dict(self.headers.items())
        )
        if not valid:
            raise Refusal(401, 32, "Could not authenticate you.")
        account = self.server.keys.tokens.get((request.client_key, request.resource_owner_key))
        if account is None:
            raise Refusal(401, 89, "Invalid or expired token.")
        return account

    def route(self, account, url, body):
        query = parameters(url.query)
        match (self.command, url.path):
            case ("POST", "/1.1/feedback/create.json"):
                return self.create(account, body)
            case ("GET", "/1.1/feedback/events.json"):
                self.spend(account, "events")
                return self.events(account, query)
            case ("GET", path) if path.startswith("/1.1/feedback/show/") and path.endswith(".json"):
                self.spend(account, "show")
                feedback_id = path.removeprefix("/1.1/feedback/show/").removesuffix(".json")
                return feedback_on_the_wire(self.server.world.show(account, feedback_id))
            case ("GET", "/1.1/friendships/show.json"):
                self.spend(account, "friendships")
                return self.friendship(query)
            case ("GET", "/2/users"):
                self.spend(account, "users")
                return self.users(query)
            case ("GET", "/1.1/account/verify_credentials.json"):
                self.spend(account, "credentials")
                return user(account.user_id)
            case ("GET", "/1.1/direct_messages/events/list.json"):
                self.spend(account, "direct_messages")
                return self.direct_messages(account, query)
            case ("GET", "/2/dm_events"):
                self.spend(account, "dm_events")
                return self.dm_events(account, query)
        raise Refusal(404, 34, "Sorry, that page does not exist.")

    def create(self, account, body):
        content_type = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if content_type != FORM:
            raise Refusal(400, 214, f"the body is {content_type!r}, not a form")
        world = self.server.world
        self.limits = world.spend_create(account)
        made = world.create(account, parameters(body.decode("utf-8")), body)
        if made["to_user_id"] in world.unanswered | world.message_only:
            return None
        answer = feedback_on_the_wire(made)
        answer.pop("response", None)
        # X's own create says it as a string, its events as a number.
        answer["question_variant_id"] = str(answer["question_variant_id"])
        return answer

    def events(self, account, query):
        world = self.server.world
        with world.lock:
            if world.hiccups > 0:
                world.hiccups -= 1
                raise Refusal(503, 130, "Over capacity", scripted=True)
        bounds = None
        if "from_time" in query or "to_time" in query or "cursor" not in query:
            bounds = (number(query, "from_time"), number(query, "to_time"))
        count = number(query, "count") if "count" in query else 100
        if not 1 <= count <= 100:
            raise Refusal(400, 214, f"count: {count} is not within 1 to 100")
        if query.get("cursor"):
            events, cursor = world.read_on(account, query["cursor"], bounds)
        else:
            events, cursor = world.read_events(account, *bounds, count)
        return {"events": [event_on_the_wire(event) for event in events], "next_cursor": cursor}

    def direct_messages(self, account, query):
        count = number(query, "count") if "count" in query else 20
        if not 1 <= count <= 50:
            raise Refusal(400, 214, f"count: {count} is not within 1 to 50")
        messages, cursor = self.server.world.list_messages(account, count, query.get("cursor"))
        events = [message_on_the_wire(message, account) for message in messages]
        answer = {"events": events}
        if any("source_app_id" in event["message_create"] for event in events):
            answer["apps"] = {"268278": {"id": "268278", "name": "My Care App", "url": "https://care.example"}}
        # The end is told by what is not there.
        return {"next_cursor": cursor, **answer} if cursor else answer

    def dm_events(self, account, query):
        count = number(query, "max_results") if "max_results" in query else 100
        if not 1 <= count <= 100:
            raise Refusal(400, 214, f"max_results: {count} is not within 1 to 100")
        if "MessageCreate" not in query.get("event_types", "MessageCreate").split(","):
            return {"meta": {"result_count": 0}}
        messages, token = self.server.world.list_messages(account, count, query.get("pagination_token"))
        wanted = {"id", "text", "event_type", *query.get("dm_event.fields", "").split(",")}
        data = [
            {name: value for name, value in message_of_v2(message).items() if name in wanted} for message in messages
        ]
        meta = {"result_count": len(data), **({"next_token": token} if token else {})}
        return {"data": data, "meta": meta} if data else {"meta": meta}

    def friendship(self, query):
        source, target = str(number(query, "source_id")), str(number(query, "target_id"))
        if target in self.server.world.unknown:
            raise Refusal(404, 50, "User not found.", scripted=True)
        return {
            "relationship": {
                "source": {
                    "id": int(source),
                    "id_str": source,
                    "screen_name": f"u{source}",
                    "following": False,
                    "followed_by": False,
                    "can_dm": self.server.world.can_dm(target),
                    "blocking": None,
                },
                "target": {"id": int(target), "id_str": target, "screen_name": f"u{target}", "following": False},
            }
        }

    def users(self, query):
        world = self.server.world
        ids = query.get("ids", "").split(",")
        if not all(ids) or len(ids) > 100:
            raise Refusal(400, 214, "ids: 1 to 100 of them")
        asked = query.get("user.fields", "").split(",")
        data = []
        for person in ids:
            if person not in world.unknown:
                row = {"id": person, "username": f"u{person}", "name": f"Person {person}"}
                if "receives_your_dm" in asked:
                    row["receives_your_dm"] = world.can_dm(person)
                data.append(row)
        missing = [
            {"resource_type": "user", "resource_id": person, "parameter": "ids", "value": person,
             "title": "Not Found Error", "detail": f"Could not find user with ids: [{person}].",
             "type": "https://api.twitter.com/2/problems/resource-not-found"}
            for person in ids if person in world.unknown
        ]  # fmt: skip
        # Not in the order that was asked for: X promises none.
        answer = {"data": data[::-1]} if data else {}
        return {**answer, "errors": missing} if missing else answer

    def spend(self, account, call):
        self.limits = self.server.world.spend(account, call)
        if self.limits[1] < 0:
            raise Refusal(429, 88, "Rate limit exceeded")

    def reply(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json;charset=utf-8")
        self.send_header("content-length", str(len(body)))
        if self.limits:
            for name, value in zip(("limit", "remaining", "reset"), self.limits, strict=True):
                self.send_header(f"x-rate-limit-{name}", str(max(0, value)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp=None):
        """What the header Date says: X's clock."""
        return super().date_time_string(self.server.world.now_ms() / 1000 if timestamp is None else timestamp)

    def log_message(self, *_):
        pass  # the tests tell what they saw themselves


class Quiet(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        fault = sys.exception()
        if not isinstance(fault, ConnectionError):  # a client that went away is no news
            super().handle_error(request, client_address)


class XServer:
    """The simulated X on a loopback port, for as long as a `with` block lasts."""

    def __init__(self, world, handler=Handler):
        self.world = world
        self.http = Quiet(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.http.world = world
        self.http.scheme = "http"  # https where something before it speaks TLS
        self.http.keys = Keys(world.accounts)
        self.http.endpoint = SignatureOnlyEndpoint(self.http.keys)
        self.base_url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def parameters(text):
    """A query's or a form's parameters. X takes each of them once."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    except ValueError as fault:
        raise Refusal(400, 214, f"the parameters cannot be read: {fault}") from fault
    if len(dict(pairs)) != len(pairs):
        raise Refusal(400, 214, "a parameter is given twice")
    return dict(pairs)


def number(query, name):
    if not query.get(name, "").isdecimal():
        raise Refusal(403, 38, f"{name} parameter is missing.")
    return int(query[name])


def user(user_id):
    return {"id": int(user_id), "id_str": user_id, "screen_name": f"u{user_id}", "name": f"Business {user_id}"}


def feedback_on_the_wire(made):
    names = ("id", "type", "test", "dm_id", "from_user_id", "to_user_id", "privacy_url", "external_id")
    wire = {name: made[name] for name in (*names, "question_variant_id", "display_name") if made[name] is not None}
    wire["created_at"], wire["updated_at"] = date(made["created_ms"]), date(made["updated_ms"])
    response = {}
    for part in ("score", "text"):
        if made[part] is not None:
            response[part] = {"created_at": date(made[part]["created_ms"]), "value": made[part]["value"]}
    if response:
        wire["response"] = response
    return wire


def event_on_the_wire(event):
    feedback = feedback_on_the_wire(event["feedback"])
    # Every third feedback has its dates as X's documents print them: blanks lost, always a Saturday.
    if int(feedback["id"]) % 3 == 0:
        feedback["created_at"], feedback["updated_at"] = (
            squeezed(feedback["created_at"]),
            squeezed(feedback["updated_at"]),
        )
        for part in feedback.get("response", {}).values():
            part["created_at"] = squeezed(part["created_at"])
    return {"event_type": event["event_type"], "created_at": date(event["created_ms"]), "feedback": feedback}


def date(moment_ms):
    return time.strftime("%a %b %d %H:%M:%S +0000 %Y", time.gmtime(moment_ms // 1000))


def squeezed(text):
    return "Sat" + text[3:].replace(" ", "")
