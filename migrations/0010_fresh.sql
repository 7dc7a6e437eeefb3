-- When feedback/show was last asked about a prompt: what has been waiting since, nobody has looked at.
-- Absent where it never was, or before this was kept.
alter table survey add column shown_at bigint;
