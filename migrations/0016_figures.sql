-- How many surveys are in which state is counted over small indexes alone.

-- With the due time, so that what waits and since when is read without a look at the rows.
drop index survey_due;
create index survey_due on survey (account, try_at, id, due_at) where state = 'scheduled';

-- Those that wait for nothing. The others have indexes of their own.
create index survey_ended on survey (state)
    where state in ('sent', 'answered', 'suppressed', 'cancelled', 'expired', 'failed');
