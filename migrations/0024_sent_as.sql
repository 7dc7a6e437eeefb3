-- The handle that sent the prompt, and at which X: only its events show the prompt. Absent: as the
-- account is configured.
alter table survey add column sent_as text;
