-- When X has refused the prompt for a limit while the account had prompts left, and the person had had
-- none of ours: a second time it is the person's limit. Absent: it has not, or an operator has had the
-- survey sent again since.
alter table survey add column limited_at bigint;
