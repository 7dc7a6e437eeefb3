"""The main job from outside: closes posted by a stock client, prompts taken by a simulated X written apart.

The day itself is lived in day.py; each test reads one thing off it.
"""

import scenario
from day import LINE_WENT_DEAD, LONG_AGO, NOBODY, NUMERIC, THROTTLED, TWICE, UNMESSAGEABLE, updates_of
from harness import parse

# What X was sent.


def test_every_prompt_has_exactly_the_fields_that_were_asked_for(day):
    for talk in day.talks:
        (prompt,) = day.world.prompts_to(talk.user)
        settings = scenario.SETTINGS[talk.account]
        assert prompt.account == scenario.X_ACCOUNTS[talk.account], talk
        assert prompt.fields == {
            "type": settings["type"],
            "to_user_id": talk.user,
            "message": talk.message,
            "privacy_url": scenario.PRIVACY_URL,
            "external_id": day.row(talk.account, talk.conversation)["external_id"],
            "question_variant_id": str(settings["variant"]),
            "display_name": settings["display_name"],
            "test": "true" if settings["test"] else "false",
        }


def test_the_external_id_is_the_conversation_id_as_far_as_x_has_room_for_it(day):
    cut = []
    for talk in day.talks:
        (prompt,) = day.world.prompts_to(talk.user)
        sent = prompt.fields["external_id"]
        if len(talk.conversation) <= 256:
            assert sent == talk.conversation
        else:
            assert len(sent) <= 256 and sent[:150] == talk.conversation[:150], sent
            cut.append(sent)
    # Two of the long ids differ in their last characters only.
    assert len(cut) == len(set(cut)) == 3


def test_a_conversation_surveyed_again_gets_an_id_of_its_own(day):
    prompts = day.world.prompts_to(TWICE)
    assert [prompt.fields["external_id"] for prompt in prompts] == ["again", "again#2"]


def test_ids_given_as_numbers_are_taken_as_their_digits(day):
    (prompt,) = day.world.prompts_to(str(NUMERIC))
    assert prompt.fields["external_id"] == "4711"


def test_nobody_is_prompted_who_cannot_be_messaged(day):
    for person in UNMESSAGEABLE:
        assert person in day.world.looked_up
        assert day.world.prompts_to(person) == []
        row = day.row("acme", f"closed-to-{person}")
        assert (row["state"], row["reason"]) == ("suppressed", "cannot_dm")
    assert day.world.prompts_to(NOBODY) == []


def test_everybody_who_is_prompted_was_looked_up_before(day):
    assert {prompt.fields["to_user_id"] for prompt in day.world.prompts} <= set(day.world.looked_up)


def test_x_never_had_to_refuse_what_was_sent(day):
    assert day.world.faults == []


def test_a_refusal_that_says_cannot_dm_is_recorded_as_one(day):
    row = day.row("acme", "open-but-refused")
    assert (row["state"], row["reason"]) == ("suppressed", "cannot_dm")


def test_a_refusal_that_nobody_knows_ends_the_survey_with_x_s_own_code(day):
    row = day.row("acme", "refused-why")
    assert row["state"] == "failed"
    assert "9999" in row["reason"], row["reason"]


def test_a_prompt_whose_answer_was_lost_is_not_sent_again(day):
    assert len(day.world.prompts_to(LINE_WENT_DEAD)) == 1
    assert day.row("line", "dead-line")["state"] in ("uncertain", "sent")


def test_a_person_is_prompted_once_within_the_throttle(day):
    assert len(day.world.prompts_to(THROTTLED)) == 1
    row = day.row("acme", "second-talk")
    assert (row["state"], row["reason"]) == ("suppressed", "throttled")


def test_a_close_older_than_expire_after_is_recorded_and_not_sent(day):
    assert day.answers["long-ago"]["state"] == "expired"
    assert day.world.prompts_to(LONG_AGO) == []
    assert day.row("acme", "long-ago")["state"] == "expired"


# What came back.


def test_every_answer_is_folded_into_its_row(day):
    for talk in day.talks:
        (prompt,) = day.world.prompts_to(talk.user)
        made = day.world.feedback[prompt.feedback_id]
        row = day.row(talk.account, talk.conversation)
        settings = scenario.SETTINGS[talk.account]
        answered = talk.score is not None
        assert row == {
            **row,  # survey_id, external_id, due_at and the instants: held by tests of their own
            "account": talk.account,
            "conversation_id": talk.conversation,
            "user_id": talk.user,
            "state": "answered" if answered else "sent",
            "reason": None,
            "feedback_id": made["id"],
            "dm_id": made["dm_id"],
            "type": settings["type"],
            "question_variant_id": settings["variant"],
            "test": settings["test"],
            "score": talk.score,
            "text": talk.text,
            "updates": updates_of(day.world, talk),
            "agent": talk.data.get("agent"),
            "team": talk.data.get("team"),
            "tags": talk.data.get("tags", []),
            "language": talk.data.get("language"),
        }


def test_the_instants_of_every_answer_are_x_s(day):
    for talk in day.talks:
        (prompt,) = day.world.prompts_to(talk.user)
        made = day.world.feedback[prompt.feedback_id]
        row = day.row(talk.account, talk.conversation)
        assert_instant(row["scored_at"], made["score"] and made["score"]["created_ms"])
        assert_instant(row["commented_at"], made["text"] and made["text"]["created_ms"])
        assert_instant(row["updated_at"], made["updated_ms"])
        assert parse(row["closed_at"]) == parse(talk.closed_at)
        assert parse(row["due_at"]) == parse(talk.closed_at), "the delay is 0s"
        assert abs(parse(row["sent_at"]).timestamp() * 1000 - prompt.received_ms) < 30_000


def assert_instant(instant, milliseconds):
    """X's dates have no fractions of a second."""
    assert (instant and parse(instant).timestamp()) == (milliseconds and milliseconds // 1000)


# The house-keeping around it.


def test_it_stops_in_order(day):
    assert day.stopped_with == 0
    assert [line["event"] for line in day.surveyd.log() if line["event"].startswith("daemon.")] == [
        "daemon.started",
        "daemon.ready",
        "daemon.stopping",
        "daemon.stopped",
    ]


def test_the_log_is_flat_and_tells_no_secret_no_message_and_no_comment(day):
    for line in day.surveyd.log():
        assert {"timestamp", "level", "event", "message"} <= set(line), line
        assert all(not isinstance(value, (dict, list)) for value in line.values()), line
    text = "\n".join(str(value) for line in day.surveyd.log() for value in line.values())
    private = [
        secret for account in scenario.X_ACCOUNTS.values() for secret in (account.consumer_secret, account.token_secret)
    ]
    private += [scenario.WEBHOOK_SECRET, scenario.OTHER_WEBHOOK_SECRET, "How did we do?", "Gracias"]
    private += [comment for comment in scenario.COMMENTS if len(comment) > 6]
    for words in private:
        assert words not in text, words


def test_every_change_of_a_survey_is_logged_under_its_id(day):
    logged = {}
    for line in day.surveyd.log():
        if "survey_id" in line:
            logged.setdefault(line["survey_id"], set()).add(line["event"])
    for talk in day.talks:
        events = logged[day.row(talk.account, talk.conversation)["survey_id"]]
        wanted = {"close.accepted", "survey.sending", "survey.sent"}
        if talk.score is not None:
            wanted.add("feedback.answered")
        assert wanted <= events, (talk.conversation, events)


def test_a_single_survey_can_be_looked_at(day):
    row = day.row("acme", "c-42")
    assert row["survey_id"] in day.surveyd.run("surveys", "show", row["survey_id"])
    assert row["survey_id"] in day.surveyd.run("surveys", "list")
    assert day.surveyd.run("status").strip()
