-- How far each schedule has got.
create table schedule_standing (
    name text primary key,
    -- The last day of the last period that is done, counted from 1970-01-01. Absent: none is.
    done_to bigint,
    done_at bigint,
    -- The first failure after the last success, and the last failure's reason.
    failing_since bigint,
    last_error text,
    -- When what failed is tried again.
    try_at bigint,
    -- Which daemon is at work on it, and until when no other is.
    turn_of text,
    turn_until bigint
);
