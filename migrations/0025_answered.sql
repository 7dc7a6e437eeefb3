-- How many surveys of an account are answered is counted as they are, in the transaction that makes them
-- so: an index over the state would be written twice by each answer, at places far apart. All that have
-- had a prompt are counted by survey_feedback, and what is not answered of them is sent.
drop index survey_ended;
create index survey_ended on survey (state)
    where state in ('suppressed', 'cancelled', 'expired', 'failed');

create table answered (
    account text primary key,
    surveys bigint not null
);
insert into answered (account, surveys)
select account, count(*) from survey where state = 'answered' group by account;
