-- What supervisors read: a narrow row for each survey, and the totals of each day. Both are copies.
-- A result is always made as a whole from its survey and feedback, and a day as a whole from its
-- results. So what is lost here is made again, by `insert into result_due (survey_id) select id
-- from survey`.
--
-- The files beside this one hold each engine's own text: the marks of what has changed, and the
-- triggers that make them.

create table result (
    survey_id text primary key,
    account text not null,
    source text not null,
    kind text not null,
    question bigint not null,
    test bigint not null,
    closed_at bigint not null,
    -- Absent: no prompt was sent.
    sent_at bigint,
    -- The reason of a suppressed survey, else the name of its state.
    outcome text not null,
    agent text,
    team text,
    -- A JSON array of the distinct tags in their order. Absent: there is none.
    tags text,
    language text,
    rule text,
    variant text,
    -- Absent, too, if it is outside the type's scale: it is no answer.
    score bigint,
    -- When the comment came. Absent: there is none.
    commented_at bigint,
    -- The milliseconds from the prompt to its score, as eight digits to the base of 36.
    wait text
);
create index result_closed on result (closed_at, survey_id);
create index result_sent on result (sent_at, survey_id) where sent_at is not null;
create index result_commented on result (commented_at, survey_id) where commented_at is not null;
create index result_test on result (closed_at) where test = 1;

-- The days that have results, in the zone of result_state. They count from 1970-01-01. The totals of a
-- day are to be made again if its results have changed since the pass that they were made from.
create table result_day (
    day bigint primary key,
    -- The last pass of result_state that changed a result of the day.
    marked bigint not null,
    -- The last pass that the totals know of.
    made bigint not null
);

-- The counts of a day without its tests, once for each dimension. closes and losses count by the
-- day of the close, all else by the day of the prompt. A name stands behind `=`, so that an absent
-- one ('') is not an empty one.
create table day_total (
    -- '', agent, tags, language, source, rule, variant or question.
    dim text not null,
    day bigint not null,
    account text not null,
    kind text not null,
    team text not null,
    -- The value of the dimension. That of tags is the whole JSON array.
    key text not null,
    closes bigint not null,
    prompted bigint not null,
    commented bigint not null,
    s0 bigint not null,
    s1 bigint not null,
    s2 bigint not null,
    s3 bigint not null,
    s4 bigint not null,
    s5 bigint not null,
    s6 bigint not null,
    s7 bigint not null,
    s8 bigint not null,
    s9 bigint not null,
    s10 bigint not null,
    last_unanswered_at bigint,
    -- All waits of results, one behind the other.
    waits text,
    -- How many closes have no prompt, by outcome: `throttled=3 expired=1`.
    losses text,
    -- All days of one dimension lie together, in their order.
    primary key (dim, day, account, kind, team, key)
);

-- One row. Who refreshes the results or the totals writes to it first, so that only one does at a
-- time.
create table result_state (
    name text primary key,
    -- The zone that the days are counted in.
    zone text not null,
    -- From this instant on the days are still to be marked as due, after a change of the zone.
    -- Absent: all are.
    mark_from bigint,
    -- Counts whoever has refreshed anything. All that a pass has written is there once its number is.
    passes bigint not null
);
