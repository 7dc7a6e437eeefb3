-- The marks of what has changed, in PostgreSQL's words.

-- A survey whose result is to be made again, or a feedback whose survey's is. Marks are only added
-- and deleted. One survey may have many: an upsert could meet a mark that is being deleted, and so
-- lose a change. Nothing here is unique but the number, so no transaction ever waits for another
-- one's mark.
create table result_due (
    seq bigint generated always as identity primary key,
    survey_id text,
    account text,
    feedback_id text
);

-- The functions find the table whatever search_path the changing session has, as when a dump is
-- loaded.
create function result_survey_marked() returns trigger
language plpgsql set search_path from current as $$
begin
    insert into result_due (survey_id) select id from marked;
    return null;
end
$$;

create function result_survey_changed() returns trigger
language plpgsql set search_path from current as $$
begin
    insert into result_due (survey_id) values (new.id);
    return null;
end
$$;

-- It does not look for the survey of a feedback. A transaction that has not ended may just give the
-- feedback to one, and would be missed. That transaction's own mark or this one is read last.
create function result_feedback_changed() returns trigger
language plpgsql set search_path from current as $$
begin
    if tg_op = 'DELETE' then
        insert into result_due (account, feedback_id) values (old.account, old.id);
    else
        insert into result_due (account, feedback_id) values (new.account, new.id);
    end if;
    return null;
end
$$;

create trigger result_survey_added after insert on survey
referencing new table as marked for each statement execute function result_survey_marked();

create trigger result_survey_changed
after update of account, source, kind, question_variant_id, test, state, reason, closed_at,
    sent_at, feedback_id, notice, decided, decision on survey
for each row
when (old.state is distinct from new.state or old.reason is distinct from new.reason
    or old.closed_at is distinct from new.closed_at or old.sent_at is distinct from new.sent_at
    or old.feedback_id is distinct from new.feedback_id or old.account is distinct from new.account
    or old.source is distinct from new.source or old.kind is distinct from new.kind
    or old.question_variant_id is distinct from new.question_variant_id
    or old.test is distinct from new.test
    or old.decision is distinct from new.decision or old.decided is distinct from new.decided
    or old.notice is distinct from new.notice)
execute function result_survey_changed();

create trigger result_survey_deleted after delete on survey
referencing old table as marked for each statement execute function result_survey_marked();

create trigger result_feedback_added after insert on feedback for each row
when (new.score is not null or new.comment is not null)
execute function result_feedback_changed();

create trigger result_feedback_changed
after update of score, score_given_at, comment, comment_given_at on feedback for each row
when (old.score is distinct from new.score or old.score_given_at is distinct from new.score_given_at
    or (old.comment is null) is distinct from (new.comment is null)
    or old.comment_given_at is distinct from new.comment_given_at)
execute function result_feedback_changed();

create trigger result_feedback_deleted after delete on feedback for each row
execute function result_feedback_changed();

-- All surveys there are, the newest first. The results themselves are made afterwards, a few at a
-- time.
insert into result_due (survey_id) select id from survey order by closed_at desc, id desc;
