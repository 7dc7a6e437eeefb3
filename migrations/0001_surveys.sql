-- The life of a survey, from the close to the prompt. The same text for SQLite and PostgreSQL:
-- instants are epoch milliseconds, flags 0 or 1.

create table survey (
    id text primary key,
    account text not null,
    source text not null,
    conversation_id text not null,
    -- The how-manieth survey of its conversation this is, from 1.
    ordinal bigint not null,
    external_id text not null,
    user_id text not null,
    kind text not null check (kind in ('csat', 'nps')),
    question_variant_id bigint not null,
    test bigint not null check (test in (0, 1)),
    state text not null check (state in ('scheduled', 'sending', 'uncertain', 'sent', 'answered',
                                         'suppressed', 'cancelled', 'expired', 'failed')),
    reason text,
    failure_code bigint,
    closed_at bigint not null,
    accepted_at bigint not null,
    due_at bigint not null,
    -- What the help desk said at the close, as JSON.
    notice text not null,
    -- When it is to be looked at next: the due time, a later try, or the end of a claim.
    try_at bigint not null,
    -- Held by a worker until then.
    lease_until bigint,
    -- Counts every claim and every step; a writer must name the value it has read.
    lease_token bigint not null,
    attempts bigint not null,
    -- How often the process ended while it held a claim on this survey.
    crashes bigint not null default 0,
    begun_at bigint,
    given_up_at bigint,
    -- The latest instant at which X may have counted a prompt for this survey. Absent: none was
    -- sent.
    spent_at bigint,
    throttle_group text,
    sent_at bigint,
    feedback_id text,
    dm_id text,
    -- When feedback/show is asked about it next.
    show_at bigint,
    unique (account, conversation_id, ordinal)
);

create index survey_due on survey (account, try_at, id) where state = 'scheduled';
create index survey_sending on survey (lease_until) where state = 'sending';
create index survey_uncertain on survey (account, given_up_at) where state = 'uncertain';
create index survey_spent_by_account on survey (account, spent_at) where spent_at is not null;
create index survey_spent_by_person on survey (user_id, spent_at) where spent_at is not null;
create index survey_prompt on survey (account, external_id) where begun_at is not null;
create index survey_feedback on survey (account, feedback_id) where feedback_id is not null;
create index survey_show on survey (account, show_at) where show_at is not null;
create index survey_refused on survey (account, failure_code, begun_at) where failure_code is not null;
create index survey_closed on survey (closed_at, id);

-- Every step after the close was taken in.
create table survey_history (
    survey_id text not null,
    step bigint not null,
    at bigint not null,
    state text not null,
    detail text,
    primary key (survey_id, step)
);

-- Closes that moved a survey that was there already, so that their redelivery is recognised.
create table merged_close (
    account text not null,
    conversation_id text not null,
    closed_at bigint not null,
    survey_id text not null,
    accepted_at bigint not null,
    primary key (account, conversation_id, closed_at)
);

-- The last reopening of a conversation, for a close that is delivered after it.
create table reopening (
    account text not null,
    conversation_id text not null,
    reopened_at bigint not null,
    primary key (account, conversation_id)
);

-- One row a throttle group. Beginning a send writes to it first, so that two prompts of one group
-- are never decided at the same time.
create table send_guard (
    throttle_group text primary key,
    passes bigint not null
);

-- One row: how many sends were ever begun, and the last instant on record. A copy of the count is kept
-- outside the database, so that a restored backup is noticed.
create table progress (
    name text primary key,
    sends bigint not null,
    last_at bigint not null
);

-- Accounts whose sends are held after a restored backup: all of X's events up to then must be read.
create table restore_hold (
    account text primary key,
    restored_at bigint not null
);
