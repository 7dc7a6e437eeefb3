-- What an agent may know of the answers to their own conversations: closed blocks, and nothing else.
-- Unlike the other results these are no copies. They are written once and never made again, not by
-- a rebuild either, and an erasure leaves them: a block names nobody, and a count that shrank would
-- tell whose answer went.

-- Each answer to an agent's conversation, as it was when surveyd first had its score on record.
-- Nothing of this is ever shown but the blocks below.
create table agent_answer (
    survey_id text primary key,
    agent text not null,
    kind text not null,
    score bigint not null,
    -- When surveyd first had the score on record, by its own clock.
    at bigint not null,
    -- The number of the block that it is in. Absent: it waits for one.
    block bigint
);
create index agent_answer_waiting on agent_answer (agent, kind, at, score) where block is null;

-- Days count from 1970-01-01, in the zone that was configured when the block was closed.
create table agent_block (
    agent text not null,
    kind text not null,
    -- From 1, in the order of their weeks.
    no bigint not null,
    from_day bigint not null,
    to_day bigint not null,
    n bigint not null,
    -- Of CSAT: how many gave 4 or 5.
    content bigint,
    -- Of NPS: how many gave 9 or 10, and how many 0 to 6.
    promoters bigint,
    detractors bigint,
    closed_at bigint not null,
    -- The agent sees it from this instant on.
    published_at bigint not null,
    primary key (agent, kind, no)
);

-- One row: the last week whose end was looked at, by its Sunday. No week is looked at twice.
create table agent_week (
    name text primary key,
    sunday bigint not null,
    -- That week is looked at up to this pile. Absent: all of it is.
    after_agent text,
    after_kind text
);

-- The answers on record count from the moment at which their results are next made.
insert into result_due (survey_id)
select survey_id from result where score is not null and agent is not null and test = 0;
