//! The tests of the whole: a simulation of many days.

mod simulation;
