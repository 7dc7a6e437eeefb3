//! The one list of everything that is kept of a person.
//!
//! A test holds it to the schema of both engines. A column that is in neither list of its table
//! fails it. So whoever adds a column decides whether an erasure must reach it.
//!
//! A person is whoever was asked. Agents, logins and what they did are not in question here. Nor is
//! what only counts or dates something: a score without a name tells nothing about anybody.

/// How the rows of one person are found in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The table holds nothing of a person.
    None,
    /// The column is the person's id at X.
    Person(&'static str),
    /// The column is the id of one of the person's surveys.
    Survey(&'static str),
    /// `account` and the column name one of the person's feedback objects.
    Feedback(&'static str),
    /// `account` and the column name one of the person's conversations.
    Conversation(&'static str),
    /// Texts that may name the person.
    Mentions,
}

/// A table and the columns that hold something of a person, and the others.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    pub rows: Rows,
    /// Ids, names and texts, and what leads to one of them.
    pub person: &'static [&'static str],
    pub other: &'static [&'static str],
}

const fn of_nobody(name: &'static str, other: &'static [&'static str]) -> Table {
    Table { name, rows: Rows::None, person: &[], other }
}

/// All tables, those first that others are found by.
#[rustfmt::skip]
pub const TABLES: &[Table] = &[
    Table {
        name: "survey",
        rows: Rows::Person("user_id"),
        person: &[
            "conversation_id", "external_id", "user_id", "reason", "notice", "message",
            "feedback_id", "dm_id", "decided", "decision",
        ],
        other: &[
            "id", "account", "source", "ordinal", "kind", "question_variant_id", "test", "state",
            "failure_code", "closed_at", "accepted_at", "due_at", "try_at", "lease_until",
            "lease_token", "attempts", "crashes", "begun_at", "given_up_at", "spent_at",
            "throttle_group", "sent_at", "show_at", "first_closed_at", "paced_at", "shown_at",
            "begun_here", "given_up_here", "put_off_at", "limited_at", "dry_at", "sent_as",
            "erased_at",
        ],
    },
    Table {
        name: "survey_history",
        rows: Rows::Survey("survey_id"),
        person: &["detail", "facts"],
        other: &["survey_id", "step", "at", "state"],
    },
    Table {
        name: "merged_close",
        rows: Rows::Survey("survey_id"),
        person: &["conversation_id"],
        other: &["account", "closed_at", "survey_id", "accepted_at"],
    },
    Table {
        name: "rebuilt",
        rows: Rows::Survey("survey_id"),
        person: &["name"],
        other: &["account", "survey_id"],
    },
    Table {
        name: "delivery",
        rows: Rows::Survey("survey_id"),
        person: &["event_id"],
        other: &["source", "at", "survey_id"],
    },
    Table {
        name: "reopening",
        rows: Rows::Conversation("conversation_id"),
        person: &["conversation_id"],
        other: &["account", "reopened_at"],
    },
    Table {
        name: "feedback",
        rows: Rows::Person("to_user_id"),
        person: &["id", "to_user_id", "external_id", "dm_id", "raw", "comment", "told"],
        other: &[
            "account", "survey_id", "updated_at", "created_at", "kind", "question_variant_id",
            "test", "score", "score_given_at", "score_told_at", "comment_given_at",
            "comment_told_at", "updates", "folds", "judged_by", "hints_wait",
        ],
    },
    Table {
        name: "rebuild_told",
        rows: Rows::Feedback("id"),
        person: &["id", "told"],
        other: &["account"],
    },
    Table {
        name: "result_due",
        rows: Rows::Feedback("feedback_id"),
        person: &["feedback_id"],
        other: &["seq", "survey_id", "account"],
    },
    Table {
        name: "optout",
        rows: Rows::Person("user_id"),
        person: &["user_id", "why"],
        other: &["account", "at"],
    },
    Table {
        name: "dm_conversation",
        rows: Rows::Person("user_id"),
        person: &["user_id", "heard"],
        other: &["handle", "last_at", "ends_at"],
    },
    Table {
        name: "respelt",
        rows: Rows::Person("user_id"),
        person: &["was", "user_id"],
        other: &["what", "entries"],
    },
    // X's own objects, unread: whom they name is only found by looking.
    Table {
        name: "unknown_event",
        rows: Rows::Mentions,
        person: &["digest", "body"],
        other: &["account", "seen_at"],
    },
    Table {
        name: "rejected",
        rows: Rows::Mentions,
        person: &["reason", "place", "path", "delivery_id"],
        other: &["source", "at", "answer", "count"],
    },
    // Somebody may have looked for the person's conversation.
    Table {
        name: "audit",
        rows: Rows::Mentions,
        person: &["detail"],
        other: &["at", "id", "way", "name", "roles", "what", "address"],
    },
    // What follows of a survey without a word of whose it was. Its rows say what was counted.
    Table {
        name: "result",
        rows: Rows::Survey("survey_id"),
        person: &[],
        other: &[
            "survey_id", "account", "source", "kind", "question", "test", "closed_at", "sent_at",
            "outcome", "agent", "team", "tags", "language", "rule", "variant", "score",
            "commented_at", "wait",
        ],
    },
    Table {
        name: "agent_answer",
        rows: Rows::Survey("survey_id"),
        person: &[],
        other: &["survey_id", "agent", "kind", "score", "at", "block"],
    },
    Table {
        name: "alert_fact",
        rows: Rows::Survey("survey_id"),
        person: &[],
        other: &[
            "seq", "type", "fact_key", "account", "survey_id", "at", "detail", "score",
            "withdrawn",
        ],
    },
    Table {
        name: "alert_message",
        rows: Rows::Survey("survey_id"),
        person: &[],
        other: &[
            "id", "alert", "type", "fact_seq", "fact_key", "survey_id", "at", "covers", "since",
            "due_at", "tries", "first_tried_at", "last_error", "ended_at", "outcome",
            "into_message",
        ],
    },
    of_nobody("send_guard", &["throttle_group", "passes"]),
    of_nobody("progress", &["name", "sends", "last_at"]),
    of_nobody("restore_hold", &["account", "restored_at", "rebuild_from", "until_at", "why"]),
    of_nobody("call_budget", &["account", "call", "used"]),
    of_nobody("paused_account", &["account", "paused_at", "why", "probe_at", "probe_wait", "resumed_at"]),
    of_nobody("dm_stream", &[
        "handle", "heard_to", "reading_from", "reading_to", "reading_cursor", "read_at",
    ]),
    of_nobody("reading", &[
        "account", "what", "begun_from", "done_to", "done_at", "goal", "window_from", "window_to",
        "cursor", "window_most", "is_partly_read", "losses", "x_ahead",
    ]),
    of_nobody("rebuild", &["account", "run", "from_at", "read_to", "makes_surveys"]),
    of_nobody("unread", &["account", "why", "from_at", "to_at", "met_at"]),
    of_nobody("daemon", &["id", "sends", "last_at", "doubting", "written"]),
    of_nobody("identity", &["one", "database_id"]),
    of_nobody("answered", &["account", "surveys"]),
    of_nobody("result_day", &["day", "marked", "made"]),
    of_nobody("day_total", &[
        "dim", "day", "account", "kind", "team", "key", "closes", "prompted", "commented", "s0",
        "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "last_unanswered_at",
        "waits", "losses",
    ]),
    of_nobody("result_state", &["name", "zone", "mark_from", "passes"]),
    of_nobody("session", &["hash", "login", "version", "made_at", "seen_at"]),
    of_nobody("agent_block", &[
        "agent", "kind", "no", "from_day", "to_day", "n", "content", "promoters", "detractors",
        "closed_at", "published_at",
    ]),
    of_nobody("agent_week", &["name", "sunday", "after_agent", "after_kind"]),
    of_nobody("alert_line", &["name", "seq"]),
    of_nobody("alert_standing", &[
        "alert", "facts_to", "failing_since", "failures", "last_error", "last_sent_at",
        "last_try_at", "wait_until", "disabled_at", "disabled_why", "turn_of", "turn_until",
        "failed_tries",
    ]),
    of_nobody("schedule_standing", &[
        "name", "done_to", "done_at", "failing_since", "last_error", "try_at", "turn_of",
        "turn_until",
    ]),
    // Hashes, from which nobody's id can be read.
    of_nobody("forgotten_key", &["salt", "made_at", "dropped"]),
    of_nobody("forgotten", &["mark", "at", "done_at"]),
];
