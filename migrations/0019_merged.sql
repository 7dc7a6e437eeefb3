-- Two sources may call conversations of two people by the same id: each person's survey remembers its own
-- closes.
create table merged (
    account text not null,
    conversation_id text not null,
    closed_at bigint not null,
    survey_id text not null,
    accepted_at bigint not null,
    primary key (account, conversation_id, closed_at, survey_id)
);
insert into merged (account, conversation_id, closed_at, survey_id, accepted_at)
    select account, conversation_id, closed_at, survey_id, accepted_at from merged_close;
drop table merged_close;
alter table merged rename to merged_close;
