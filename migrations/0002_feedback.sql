-- What comes back from X, how far it has been read, and what may still be asked.

create table feedback (
    account text not null,
    id text not null,
    -- The survey it answers; absent where surveyd did not send the prompt.
    survey_id text,
    updated_at bigint not null,
    created_at bigint,
    to_user_id text,
    external_id text,
    kind text,
    question_variant_id bigint,
    test bigint not null check (test in (0, 1)),
    dm_id text,
    -- The newest object as X sent it.
    raw text not null,
    score bigint,
    score_given_at bigint,
    score_told_at bigint,
    comment text,
    comment_given_at bigint,
    comment_told_at bigint,
    -- The distinct updated_at seen, in order, parted by blanks.
    updates text not null,
    folds bigint not null,
    primary key (account, id)
);

create index feedback_unmatched on feedback (account, external_id) where survey_id is null;

-- Events of a kind that surveyd does not know, kept as they came.
create table unknown_event (
    account text not null,
    digest text not null,
    seen_at bigint not null,
    body text not null,
    primary key (account, digest)
);

-- How far the events of an account have been read.
create table poll (
    account text primary key,
    -- All events up to here are in. Absent: none has been read.
    done_to bigint,
    -- The window that is being read, and the cursor of its next page.
    window_from bigint,
    window_to bigint,
    cursor text
);

-- The use of X's limits, by account and call, as JSON.
create table call_budget (
    account text not null,
    call text not null,
    used text not null,
    primary key (account, call)
);

-- Accounts that X refuses as a whole.
create table paused_account (
    account text primary key,
    paused_at bigint not null,
    why text not null,
    probe_at bigint not null,
    probe_wait bigint not null,
    -- Set once it works again; kept, so that a pause that soon returns is asked about more slowly.
    resumed_at bigint
);
