//! What counts for an account as a whole: the calls that it may make, its holds, and the people
//! whom it never prompts.

pub mod budgets;
pub mod holds;
pub mod opt_outs;
