//! What the tests stand on: fresh databases, a stage with a simulated X, the built program.

pub mod database;
