pub mod config;
pub mod domain;
pub mod report;
pub mod sandbox;
pub mod store;
pub mod x;
