-- The marks of what has changed, in SQLite's words.
--
-- A later migration that drops survey or feedback to make it anew drops these triggers with it, and
-- no error tells: it must create them again.

-- A survey whose result is to be made again, or a feedback whose survey's is. Marks are only added
-- and deleted. One survey may have many: an upsert could meet a mark that is being deleted, and so
-- lose a change.
create table result_due (
    seq integer primary key,
    survey_id text,
    account text,
    feedback_id text
);

create trigger result_survey_added after insert on survey begin
    insert into result_due (survey_id) values (new.id);
end;

create trigger result_survey_changed
after update of account, source, kind, question_variant_id, test, state, reason, closed_at,
    sent_at, feedback_id, notice, decided, decision on survey
when old.state is not new.state or old.reason is not new.reason
    or old.closed_at is not new.closed_at or old.sent_at is not new.sent_at or old.feedback_id is not new.feedback_id
    or old.account is not new.account
    or old.source is not new.source or old.kind is not new.kind
    or old.question_variant_id is not new.question_variant_id or old.test is not new.test
    or old.decision is not new.decision or old.decided is not new.decided
    or old.notice is not new.notice
begin
    insert into result_due (survey_id) values (new.id);
end;

create trigger result_survey_deleted after delete on survey begin
    insert into result_due (survey_id) values (old.id);
end;

create trigger result_feedback_added after insert on feedback
when new.score is not null or new.comment is not null
begin
    insert into result_due (account, feedback_id) values (new.account, new.id);
end;

create trigger result_feedback_changed
after update of score, score_given_at, comment, comment_given_at on feedback
when old.score is not new.score or old.score_given_at is not new.score_given_at
    or (old.comment is null) is not (new.comment is null)
    or old.comment_given_at is not new.comment_given_at
begin
    insert into result_due (account, feedback_id) values (new.account, new.id);
end;

create trigger result_feedback_deleted after delete on feedback begin
    insert into result_due (account, feedback_id) values (old.account, old.id);
end;

-- All surveys there are, the newest first. The results themselves are made afterwards, a few at a
-- time.
insert into result_due (survey_id) select id from survey order by closed_at desc, id desc;
