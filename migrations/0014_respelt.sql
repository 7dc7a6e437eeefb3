-- One person, one id: the zeros that stood before some ids on record go. X takes 077 and 77 for the same
-- person, and throttles and opt-outs did not.

-- What was found, until it has been told.
create table respelt (
    what text not null check (what in ('survey', 'optout', 'feedback')),
    -- As it was written.
    was text not null,
    -- From now on. Empty: it was 0, which is nobody's id.
    user_id text not null,
    entries bigint not null,
    primary key (what, was)
);

insert into respelt (what, was, user_id, entries)
select 'survey', user_id, ltrim(user_id, '0'), count(*) from survey
where user_id like '0%' group by user_id;

insert into respelt (what, was, user_id, entries)
select 'optout', user_id, ltrim(user_id, '0'), count(*) from optout
where user_id like '0%' group by user_id;

insert into respelt (what, was, user_id, entries)
select 'feedback', to_user_id, ltrim(to_user_id, '0'), count(*) from feedback
where to_user_id like '0%' group by to_user_id;

-- Nobody is prompted under the id 0, and X cannot have carried such a prompt out.
update survey set reason = 'no_x_id', state = 'suppressed', lease_until = null
where user_id like '0%' and ltrim(user_id, '0') = '' and state = 'scheduled';
update survey set reason = 'the id of the person was 0, which is nobody''s', state = 'failed',
    lease_until = null
where user_id like '0%' and ltrim(user_id, '0') = '' and state in ('sending', 'uncertain');

-- Each survey's history says it. The time is that of its last line: there is no clock here.
update survey set lease_token = lease_token + 1 where user_id like '0%';
insert into survey_history (survey_id, step, at, state, detail)
select s.id, s.lease_token,
       coalesce((select max(h.at) from survey_history h where h.survey_id = s.id), s.accepted_at),
       s.state,
       case when ltrim(s.user_id, '0') = '' then 'the person''s id was ' || s.user_id || ', nobody''s'
            else 'the person''s id was written ' || s.user_id || ', and is ' || ltrim(s.user_id, '0') end
from survey s where s.user_id like '0%';
update survey set user_id = ltrim(user_id, '0') where user_id like '0%';

-- Who opted out in two spellings stays opted out since the first, and of an entry that is made of others
-- the reason says so.
insert into optout (user_id, account, at, why)
select ltrim(user_id, '0'), account, min(at),
       case when min(why) is null then '' else min(why) || ' ' end || '(was written ' || min(user_id) || ')'
from optout where user_id like '0%' and ltrim(user_id, '0') <> '' group by ltrim(user_id, '0'), account
on conflict (user_id, account) do update set
    at = case when excluded.at < optout.at then excluded.at else optout.at end,
    why = case when optout.why is null then '' else optout.why || '; ' end || excluded.why;
delete from optout where user_id like '0%';

update feedback set to_user_id = ltrim(to_user_id, '0')
where to_user_id like '0%' and ltrim(to_user_id, '0') <> '';

-- X writes no such ids, so that nothing was ever heard under one: the next reading begins anew.
delete from dm_conversation where handle like '0%' or user_id like '0%';
delete from dm_stream where handle like '0%';
