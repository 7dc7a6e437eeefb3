-- On PostgreSQL, the transaction that last wrote a daemon's row. A row that anything but a daemon has put
-- there, as when a dump is restored under daemons at work, says of itself (`xmin`) that it was another.
alter table daemon add column written bigint;
