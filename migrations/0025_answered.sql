-- An answer moves one entry of one small index, and no longer two: those that have had a prompt are counted
-- by survey_feedback, and what is not answered of them is sent.
drop index survey_ended;
create index survey_ended on survey (state)
    where state in ('suppressed', 'cancelled', 'expired', 'failed');
create index survey_answered on survey (state) where state = 'answered';
