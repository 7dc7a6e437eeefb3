//! # A tour of surveyd
//!
//! When a support conversation on X closes, surveyd sends that person one feedback prompt through
//! X's Customer Feedback API. It reads the answers back and hands them to supervisors.
//!
//! Data goes one way. A close becomes a row. The row becomes a prompt. The prompt becomes feedback.
//! The feedback becomes a number.
//!
//! ```text
//!   a conversation closes                                         supervisors
//!           │                                                          ▲
//!        web, cli                                                 cli (report, export)
//!           ▼                                                          │
//!        watcher ──► store ◄── scheduler ──► x ──► X's API          report
//!                      ▲                     ▲                         ▲
//!                      └────── poller ───────┘    store ──► results ──► domain::summary
//! ```
//!
//! Read it in this order:
//!
//! 1. [`domain`] holds the rules and is pure. [`domain::survey`] is the specification of a survey's
//!    life. [`domain::policy`] decides who is asked and when. [`domain::feedback`] folds what comes
//!    back. [`domain::budget`] counts the calls X allows. [`domain::summary`] computes the numbers.
//! 2. [`store`] keeps all that is remembered, in SQLite or PostgreSQL. Two of its types carry the
//!    promise that nobody is prompted twice. A [`store::Leased`] is the permission to work on a
//!    survey. A [`store::Sending`] is the proof that the start of a request was written to the disk
//!    before the request leaves.
//! 3. [`x`] makes every call to X, signed and only once. [`x::Error`] says what to do about a
//!    refusal.
//! 4. [`watcher`] takes closes in, [`scheduler`] sends prompts and [`poller`] reads answers back.
//!    Each of their passes is bounded. The loops belong to the daemon.
//! 5. [`web`], [`cli`] and [`report`] face the outside. [`results`] is what they read results
//!    through, and [`pages`] makes HTML of them. [`rebuild`] rebuilds the record from X's
//!    own. [`replay`] shows what another configuration would have done.
//! 6. [`daemon`] wires everything together and owns the loops.
//! 7. [`alerts`] writes, signs and sends what is told at once. [`domain::alert`] decides what that
//!    is.
//! 8. [`sandbox`] is a simulated X for [`cli::demo`] and the tests. It shares no code with [`x`].
//!
//! The top of every module says what it does and what it deliberately leaves out. ARCHITECTURE.md
//! walks through one close and one answer.
//!
//! # The words
//!
//! - **account**: an X handle that prompts are sent from, as the configuration names it.
//! - **person**: who talked with the account, by the id that X has given them.
//! - **close**: the fact that a conversation ended. A **notice** or a **payload** reports it. A
//!   **source** sends it. A **reopening** takes it back.
//! - **survey**: the job made from one close, with at most one prompt to one person.
//! - **prompt**: the Direct Message with X's card. **Sending** it is one request. If no answer
//!   comes, the survey is **uncertain** until X's events **settle** it.
//! - **lease**: the right to work on a survey for a while ([`store::Leased`]). Operators read
//!   `claimed`.
//! - **feedback**: X's object behind a prompt, known by its **feedback id**. Score and comment are
//!   the **answer**. An **update** is one state of it, and the **fold** joins all of them.
//! - **webhook**: X has two. Its webhook for feedback ([`web`]'s `feedback_hook`,
//!   [`poller::feedback_hook`]) carries a password. Its webhook for Direct Messages ([`web`]'s
//!   `message_hook`, [`watcher::message_hook`]) asks a challenge and is signed.
//! - **hint**: what X's webhook for feedback reports, until X's events confirm or refute it.
//! - **events**: X's list of updates. They are read in **windows**. A **second look** reads a
//!   window again. A stretch that could not be read is a **gap**.
//! - **hold**: no prompt leaves an account, after a restored database or for a rebuild. **Pause**:
//!   X refuses the account as a whole.
//! - **budget**: the calls that X still allows. The **pace** spreads them.
//! - **mark**: the file in a state folder that says which database its daemon last worked on.
//! - **result**: what became of one survey, in a narrow row. The **totals** of a day are sums of
//!   results.
//! - **view**: which results are meant, and beside which period ([`domain::view`]). Every number of
//!   a page or a file obeys the whole view.
//! - **viewer**: who may see results, by **roles** and limits ([`domain::access`]).
//! - **block**: answers of one agent that are shown to the agent together or never
//!   ([`domain::blocks`]).
//! - **fact**: something that happened and may be told at once ([`domain::alert`]). An **alert** is
//!   a place that is told. A **message** is one fact for one alert, or many facts in one. X's own
//!   messages are always called Direct Messages.
//! - **worker**: what the scheduler and the poller of one account work with
//!   ([`worker::AccountWorker`]).

// A failed write must end a command and never panic. `output` is for that.
#![warn(clippy::print_stdout, clippy::print_stderr)]

/// The rules, without I/O.
pub mod domain;

/// The time of day, read at the outermost layer only.
pub mod clock;
/// Passwords' hashes and API tokens.
pub mod credentials;
/// The configuration, with all of its faults reported at once.
pub mod config;
/// Files and folders with the right owner and rights.
pub mod files;

/// All that is remembered.
pub mod store;
/// Every call to X.
pub mod x;
/// Tells others at once what happened.
pub mod alerts;

/// Takes closes in.
pub mod watcher;
/// What the scheduler and the poller of one account work with.
pub mod worker;
/// Sends prompts.
pub mod scheduler;
/// Reads answers back.
pub mod poller;
/// Rebuilds the record from X's own.
pub mod rebuild;
/// Decides the closes on record under another configuration.
pub mod replay;
/// The results as every form of them reads them.
pub mod results;
/// Results as pages of HTML.
pub mod pages;
/// Results as text, JSON, CSV, Parquet and XLSX.
pub mod report;
/// The HTTP server.
pub mod web;

/// Wires everything together and keeps it going.
pub mod daemon;
/// The log.
pub mod logging;
/// Stops all work in order.
pub mod stop;
/// The alarm of a waiting loop.
pub mod wake;

/// Texts in columns of a terminal.
mod columns;
/// Widths, colours and times for people.
mod terminal;
/// The output of commands.
mod output;
/// The command line.
pub mod cli;
/// A simulated X.
pub mod sandbox;
