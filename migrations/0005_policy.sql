-- Why somebody was or was not asked, and who is never to be.

-- What was decided when the close came in, and last at the moment of sending: JSON, with the reason,
-- the rule and the numbers. Absent for surveys of before this.
alter table survey add column decided text;
alter table survey add column decision text;
-- The close that made it: what it is drawn by. Absent for surveys of before this.
alter table survey add column first_closed_at bigint;
-- When it first reached its moment of sending at an account that spreads its prompts evenly.
alter table survey add column paced_at bigint;
create index survey_paced on survey (account, paced_at) where paced_at is not null;

-- The decision behind a step, where there was one: JSON, as above.
alter table survey_history add column facts text;

-- People who are never prompted. An empty account: by none of them.
create table optout (
    user_id text not null,
    account text not null,
    at bigint not null,
    why text,
    primary key (user_id, account)
);
