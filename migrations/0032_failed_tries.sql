-- How often an alert has failed from its first failure after its last success on.
alter table alert_standing add column failed_tries bigint not null default 0;

-- A message is tried until it is too old. So from now on each that waits has its due_at.
update alert_message set due_at = at where due_at is null and ended_at is null;
