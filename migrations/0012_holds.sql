-- Up to where X's events must be read before a hold ends, by X's own clock. Absent: X has not told the
-- time since the hold began, and there is no end to it yet.
alter table restore_hold add column until_at bigint;
