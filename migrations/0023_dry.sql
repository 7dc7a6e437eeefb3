-- When the prompt would have been sent, had its account not been on a dry run. No other column is set for it, so
-- only a dry run counts it: an account that goes live has prompted nobody yet.
alter table survey add column dry_at bigint;
create index survey_dry_by_account on survey (account, dry_at) where dry_at is not null;
create index survey_dry_by_person on survey (user_id, dry_at) where dry_at is not null;
