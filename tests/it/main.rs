//! The tests of the whole: the store on both of its engines, stories against the simulated X, the
//! built program, and who may name whom.
//!
//! PostgreSQL is tested where `SURVEYD_TEST_POSTGRES` names a server; without it that half is left
//! out, and a line on standard error says so.

mod access;
mod cli;
mod desks;
mod freshness;
mod documents;
mod harness;
mod layering;
mod migrations;
mod silences;
mod simulation;
mod statistics;
mod store;
mod stories;
