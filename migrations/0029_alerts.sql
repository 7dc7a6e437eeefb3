-- What is told at once: facts, and the messages that tell them to alerts.

-- One row, 'facts'. Whoever adds facts first raises the number here, and so waits for all who do
-- the same. Thus facts have numbers in the order of their commits: nobody sees a number before the
-- lower ones.
create table alert_line (
    name text primary key,
    seq bigint not null
);

-- Something that happened, whether or not anybody is told. The key makes it the same fact however
-- often it is noticed.
create table alert_fact (
    seq bigint primary key,
    type text not null,
    fact_key text not null unique,
    account text,
    survey_id text,
    at bigint not null,
    -- JSON. Absent: it was on record before this table, and nobody is told of it.
    detail text,
    -- Of an answer.
    score bigint,
    -- 1: X's events do not know that answer. Nobody is told of it any more.
    withdrawn bigint not null
);
create index alert_fact_survey on alert_fact (survey_id, seq) where survey_id is not null;
create index alert_fact_at on alert_fact (at);

-- A fact for an alert, or many in one. The id stays the same at every try.
create table alert_message (
    id text primary key,
    alert text not null,
    type text not null,
    -- Absent: the message stands for many.
    fact_seq bigint,
    fact_key text not null,
    survey_id text,
    -- When the fact happened. When the message was made, if it stands for many.
    at bigint not null,
    -- How many facts it stands for, and when the first of them happened.
    covers bigint not null,
    since bigint not null,
    -- When it is tried next. Absent: it has been tried as often as it may be.
    due_at bigint,
    tries bigint not null,
    first_tried_at bigint,
    last_error text,
    ended_at bigint,
    -- sent, summed or refuted. Absent: it waits.
    outcome text,
    -- The message that stands for it.
    into_message text,
    unique (alert, type, fact_key)
);
create index alert_message_due on alert_message (alert, due_at) where ended_at is null;
create index alert_message_survey on alert_message (survey_id) where survey_id is not null;
create index alert_message_at on alert_message (at);

-- How an alert does.
create table alert_standing (
    alert text primary key,
    -- Up to this fact its messages are made.
    facts_to bigint not null,
    -- The first failure after its last success.
    failing_since bigint,
    -- All failures so far.
    failures bigint not null,
    last_error text,
    last_sent_at bigint,
    last_try_at bigint,
    -- The receiver asked to be left alone until then.
    wait_until bigint,
    disabled_at bigint,
    disabled_why text,
    -- Which daemon sends its messages, and until when no other does.
    turn_of text,
    turn_until bigint
);

