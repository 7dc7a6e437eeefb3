//! # A tour of surveyd
//!
//! When a support conversation on X closes, surveyd sends that person one feedback prompt through
//! X's Customer Feedback API, reads the answers back and hands them to supervisors.
//!
//! Data goes one way. A close becomes a row, the row becomes a prompt, the prompt becomes feedback,
//! feedback becomes a number:
//!
//! ```text
//!   a conversation closes                                         supervisors
//!           │                                                          ▲
//!        web, cli                                                 cli (report, export)
//!           ▼                                                          │
//!        watcher ──► store ◄── scheduler ──► x ──► X's API          report
//!                      ▲                     ▲                         ▲
//!                      └────── poller ───────┘         store ──► domain::summary
//! ```
//!
//! Read it in this order:
//!
//! 1. [`domain`]: the rules, pure. [`domain::survey`] is the specification of a survey's life,
//!    [`domain::policy`] decides who is asked and when, [`domain::feedback`] folds what comes back,
//!    [`domain::budget`] counts the calls X allows, [`domain::summary`] computes the numbers.
//! 2. [`store`]: all that is remembered, in SQLite or PostgreSQL. Two of its types carry the
//!    promise that nobody is prompted twice: a [`store::Leased`] is the permission to work on a
//!    survey, a [`store::Sending`] the proof that it is on the disk that a request is about to
//!    leave.
//! 3. [`x`]: every call to X, signed and made once; [`x::Error`] says what to do about a refusal.
//! 4. [`watcher`]: how closes come in, [`scheduler`]: how prompts go out, [`poller`]: how answers
//!    come back. Each does one bounded pass or one message; none loops.
//! 5. [`web`], [`cli`], [`report`]: the outside; [`rebuild`]: the record made anew from X's own;
//!    [`replay`]: what another configuration would have done.
//! 6. [`daemon`]: everything wired together; the only owner of loops.
//! 7. [`sandbox`]: a simulated X that shares no code with [`x`], for [`cli::demo`] and the tests.
//!
//! What stands where, in one sentence each, is said at the top of every module; what is
//! deliberately absent, too. ARCHITECTURE.md walks through one close and one answer.
//!
//! # The words
//!
//! - **account**: an X handle that prompts are sent from, as the configuration names it.
//! - **person**: who talked with the account, by the id that X has given them.
//! - **close**: the fact that a conversation ended. A **notice** or a **payload** tells of it, a
//!   **source** sends it, a **reopening** takes it back.
//! - **survey**: the job made from one close; at most one prompt to one person.
//! - **prompt**: the Direct Message with X's card. **Sending** it is one request; where no answer
//!   comes, the survey is **uncertain** until X's events **settle** it.
//! - **claim**: the right to work on a survey for a while ([`store::Leased`]).
//! - **feedback**: X's object behind a prompt, known by its **feedback id**; score and comment are
//!   the **answer**. An **update** is one state of it, and the **fold** joins all of them.
//! - **hint**: what X's webhook has told, until X's events bear it out or refute it.
//! - **events**: X's list of updates. They are read in **windows**; a **second look** reads a
//!   window again, and what could not be read is a **gap**.
//! - **hold**: no prompt leaves an account, after a restored database or for a rebuild. **Pause**:
//!   X refuses the account as a whole.
//! - **budget**: the calls that X still allows; the **pace** spreads them.
//! - **mark**: the file in a state folder that says which database its daemon last worked on.
//! - **worker**: what the scheduler and the poller of one account work with
//!   ([`worker::AccountWorker`]).

// A failed write must end a command, and never panic: `output` is for that.
#![warn(clippy::print_stdout, clippy::print_stderr)]

/// The rules, pure.
pub mod domain;

/// The time of day, read at the rim only.
pub mod clock;
/// The configuration: every fault in it at once.
pub mod config;
/// What is made on the disk: whose it is, and who may open it.
pub mod files;

/// All that is remembered.
pub mod store;
/// The talk with X.
pub mod x;

/// Closes in.
pub mod watcher;
/// What the scheduler and the poller of one account work with.
pub mod worker;
/// Prompts out.
pub mod scheduler;
/// Answers back.
pub mod poller;
/// The record made anew from X's own.
pub mod rebuild;
/// The closes on record against another configuration.
pub mod replay;
/// Results as text, JSON, CSV.
pub mod report;
/// HTTP in.
pub mod web;

/// Everything wired and kept going.
pub mod daemon;
/// The log.
pub mod logging;
/// Stopping in order.
pub mod stop;
/// The alarm of a waiting loop.
pub mod wake;

/// Texts in columns of a terminal.
mod columns;
/// Widths, colours and times for people.
mod terminal;
/// What commands say.
mod output;
/// The command line.
pub mod cli;
/// A simulated X.
pub mod sandbox;
