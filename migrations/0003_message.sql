-- The text of the prompt, as it was sent last: by it a Direct Message of the account is known for the
-- prompt's. Absent where none was begun, or before this was kept.
alter table survey add column message text;
