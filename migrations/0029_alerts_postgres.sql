-- In PostgreSQL's words: what is on record already is not told. Answers of more than a week ago are
-- never told. The latest answer counts as now if the clock is ahead of it.
insert into alert_fact (seq, type, fact_key, account, survey_id, at, score, withdrawn)
select row_number() over (order by f.score_given_at, s.id), 'answer', 'answer:' || s.id, s.account,
    s.id, f.score_given_at, f.score, 0
from survey s join feedback f on f.account = s.account and f.id = s.feedback_id
where f.score is not null and f.score_given_at >= -8 * 24 * 60 * 60 * 1000::bigint
    + least(cast(extract(epoch from now()) * 1000 as bigint),
        (select max(score_given_at) from feedback where score is not null));

insert into alert_line (name, seq) select 'facts', count(*) from alert_fact;
