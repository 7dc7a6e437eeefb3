-- What X's webhook has told, until X's word is in; and what X has told against its own word.

-- The events up to then tell whether the hints are true. Absent: there is no hint.
alter table feedback add column judged_by bigint;
-- All that was told, as JSON, where the other columns are not all of it.
alter table feedback add column told text;
create index feedback_judged on feedback (account, judged_by) where judged_by is not null;
