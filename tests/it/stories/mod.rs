//! What surveyd does, told against the simulated X.

mod alerts;
mod answers;
mod budgets;
mod clocks;
mod daemon;
mod dates;
mod disorder;
mod dry_run;
mod events;
mod limits;
mod look_ups;
mod lost;
mod messages;
mod pauses;
mod policy;
mod refusals;
mod replay;
mod retention;
mod schedules;
mod sending;
mod silences;
mod spool;
mod talks;
mod uncertain;
mod waiting;
