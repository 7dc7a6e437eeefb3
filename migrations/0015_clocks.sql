-- What X's clock tells may be wrong, and so may ours. Of a request both clocks' instants are kept, and a
-- length of time has passed only once it has by both: begun_at is the earlier of the two, given_up_at
-- X's own; these are ours.
alter table survey add column begun_here bigint;
alter table survey add column given_up_here bigint;
-- When try_at was last put off, by our clock. What was put off in the future was put off by a clock
-- that ran ahead.
alter table survey add column put_off_at bigint;
