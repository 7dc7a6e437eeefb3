//! The facts about an account as a whole: its calls, its holds and the people it never prompts.

pub mod budgets;
pub mod holds;
pub mod opt_outs;
