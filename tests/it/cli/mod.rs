//! The built program: its exit codes, its output, its log, its signals.

mod alert_commands;
mod alerts;
mod codes;
mod demo;
mod dry_run;
mod exports;
mod files;
mod gone;
mod mistakes;
mod output;
mod policy;
mod rebuild;
mod records;
mod service;
mod sign_in;
mod simulate;
mod sources;
mod spool;
mod terminal;
mod waiting;

/// No X is asked here; an address where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";
