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
//! # The modules, in reading order
//!
//! This page names the files that carry the main things. A file's own head says the rest.
//! ARCHITECTURE.md walks through one close and one answer, file by file.
//!
//! 1. [`domain`] holds the rules and is pure.
//!    - [`domain::survey`] has the states of a survey and every step between them.
//!      [`domain::policy`] decides who is asked and when: throttle (the cool-down of a person),
//!      opt-outs, sample, quiet hours, pace. `domain/policy/draws.rs` draws what is left to chance.
//!      `domain/policy/backoff.rs` has the waits between tries.
//!    - [`domain::mapping`] makes a close of a help desk's payload. [`domain::talk`] says when a
//!      talk by Direct Messages is over. [`domain::prompt_text`] renders the text of a prompt.
//!    - [`domain::event_windows`] chooses which of X's events are read next, and which for a second
//!      look. [`domain::freshness`] chooses the prompts that X is asked about one by one, and
//!      `domain/freshness/schedule.rs` says when each is asked about again. [`domain::budget`]
//!      counts the calls that X allows. [`domain::feedback`] has the fold's rule:
//!      `domain/feedback/join.rs` joins all that X has said of one feedback.
//!    - [`domain::summary`] computes the numbers of a [`domain::view`]. `domain/summary/scores.rs`
//!      has NPS, CSAT and their intervals, and `domain/summary/difference.rs` judges the change
//!      between two periods. [`domain::mood`] says which scores count as
//!      satisfied. [`domain::access`] says who may see which numbers, [`domain::blocks`] what an
//!      agent sees, and [`domain::session`] how long somebody stays signed in.
//!    - [`domain::alert`] decides what is told at once. `domain/alert/told.rs` has the sentences.
//!      `domain/alert/tries.rs` says when a message is tried again, and
//!      `domain/alert/retry_after.rs` how long a receiver wants to be left alone.
//!      [`domain::silence`] judges whether too
//!      little came. [`domain::schedule`] says which report is due. [`domain::waiting`] explains
//!      why a due survey is not sent.
//! 2. [`config`] reads the configuration and reports all of its faults at once
//!    (`config/fault_collector.rs`), misspelt keys too (`config/fault_collector/unknown_keys.rs`).
//!    Each section has a file, such as `config/quiet_hours.rs`. `config/defaults.rs` has defaults
//!    and bounds. `config/sources/preset.rs` has the presets of the help desks
//!    (`config/desks/*.toml`).
//! 3. [`store`] keeps all that is remembered, in SQLite or PostgreSQL, and has all SQL.
//!    `store/location.rs` opens either, with its settings and connections. `store/placeholders.rs`
//!    has where their SQL differs.
//!    - `store/survey/lease.rs` leases due surveys and takes over leases that have run out.
//!      `store/survey/decide.rs` takes the last decision. `store/survey/send.rs` records that a
//!      send begins, and `store/survey/send_outcome.rs` how it ended. `store/survey/dry_run.rs`
//!      ends a dry run. `store/survey/settle.rs` writes what became of an uncertain survey.
//!    - `store/close/accept.rs` makes a survey of a close, or merges the close into the survey that
//!      waits. `store/close/deliveries.rs` knows the closes that were delivered before.
//!      `store/feedback/fold.rs` brings the fold into the database, and
//!      `store/feedback/rows.rs` writes its rows. `store/events/windows.rs` keeps how far the
//!      events are read. `store/account` keeps budgets, holds, pauses and opt-outs.
//!    - `store/person/erase.rs` erases one person (`surveyd forget`). `store/person/retention.rs`
//!      erases by age, and `daemon/retention.rs` runs it. `store/backup` backs up and restores.
//!    - `store/database/doubt.rs` decides whether a database may be an older backup, so that its
//!      sends are held. `store/database/mark_comparison.rs` compares it with the mark and begins
//!      the hold. The schema is in
//!      `migrations/` at the root, listed in `store/database/migrate.rs`.
//! 4. [`x`] makes every call to X, signed and only once. `x/client.rs` is the client, with its
//!    timeouts and TLS. `x/oauth.rs` signs. `x/prompt.rs` posts a prompt. `x/rate_limit.rs` reads
//!    the headers about limits. `x/wire.rs` reads X's JSON. `x/error.rs` says what X's codes mean
//!    ([`x::Error`]).
//! 5. [`watcher`] takes closes in. [`watcher::notice`] reads a notice and [`watcher::payload`] a
//!    help desk's payload. [`watcher::signature`] verifies who sent it. [`watcher::spool`] reads
//!    files, [`watcher::talks`] Direct Messages.
//! 6. [`worker`] is what scheduler and poller of one account share. `worker/calls.rs` takes calls
//!    from the budget. `worker/pausing.rs` pauses an account. `worker/walk.rs` pages through X's
//!    events.
//! 7. [`scheduler`] sends prompts. `scheduler/look_up.rs` asks who can be messaged.
//!    `scheduler/send.rs` sends. `scheduler/outcome.rs` says what follows from X's answer, whose
//!    status and body are read in [`x`].
//! 8. [`poller`] reads answers back. `poller/events.rs` picks the next window and
//!    `poller/window_reader.rs` reads it. `poller/second_looks.rs` reads it again.
//!    `poller/shows.rs` asks about fresh prompts (X's call feedback/show). `poller/settle.rs` looks
//!    for what became of uncertain surveys.
//! 9. [`web`] is the HTTP server. `web/intake.rs` takes notices, as many as `web/source_rate.rs`
//!    allows. `web/metrics.rs` has `/metrics`. [`web::results`] has pages, sign-in and API. All
//!    their addresses are in `web/results/routes.rs`. `web/results/guessing.rs` slows down whoever
//!    guesses passwords. `web/body.rs` reads bodies, up to `http.max_body`.
//! 10. [`results`] is what every form of results reads, columns included (`results/columns.rs`).
//!     [`pages`] makes HTML of them (`pages/charts.rs` the charts, `pages/templates/` HTML and
//!     CSS). [`report`] writes reports, and [`report::export`] the CSV, Parquet and XLSX of the
//!     export.
//! 11. [`alerts`] tells others at once. [`alerts::deliver`] tries each message until it is taken.
//!     [`alerts::bodies`] puts messages in the form of each chat and [`alerts::signature`] signs
//!     them. [`alerts::address_guard`] sends the request and keeps it from private addresses, whose
//!     ranges are in [`domain::alert::address`]. [`alerts::silences`] looks for what did not come.
//! 12. [`daemon`] wires everything together and owns the loops. `daemon/generation.rs` runs one
//!     configuration until a reload. `daemon/schedules.rs` runs schedules. `daemon/database.rs`
//!     opens the database and logs what it finds. `daemon/signals.rs` receives SIGTERM and SIGHUP,
//!     and [`stop`] says how long work may go on.
//! 13. [`clock`] notices that the clock was set (`clock.rs`) and estimates X's (`clock/of_x.rs`).
//!     What a wrong clock wrote is repaired by each loop for its own rows, in a function named
//!     `pull_back` (`scheduler/mod.rs`, `poller/events.rs`, `poller/shows.rs`).
//! 14. [`cli`] has a file for each command, and a folder where one file is not enough: `cli/init/`
//!     has the questions of `surveyd init`. `cli/mod.rs` lists the commands, and
//!     `cli/arguments.rs` parses the command line. [`rebuild`] rebuilds the record from X's own.
//!     [`replay`] shows what another configuration would have done.
//! 15. [`sandbox`] is a simulated X for [`cli::demo`] and the tests. It shares no code with [`x`].
//!
//! Two types of the store carry the promise that nobody is prompted twice. A [`store::Leased`] is
//! the permission to work on a survey. A [`store::Sending`] is the proof that the start of a
//! request was written to the disk before the request leaves.
//!
//! X has two webhooks: feedback (`web/feedback_hook.rs` checks the password,
//! [`poller::feedback_hook`] folds) and Direct Messages (`web/message_hook.rs` answers,
//! [`watcher::message_hook`] has X's challenge and signature).
//!
//! # The words
//!
//! - **account**: an X handle that prompts are sent from, as the configuration names it.
//! - **person**: who talked with the account, by the id that X has given them.
//! - **close**: the fact that a conversation ended. A **source** reports it, in surveyd's own form
//!   (**notice**) or in the help desk's (**payload**). A **reopening** takes it back.
//! - **talk**: a conversation of which surveyd sees the Direct Messages alone. It closes once
//!   nobody writes any more.
//! - **survey**: the job made from a close, with at most one prompt to one person. A further close
//!   of the same conversation **merges** into the survey that waits.
//! - **throttle**: how long a person is left alone after a prompt. **Opt-out**: for ever.
//! - **prompt**: the Direct Message with X's card. **Sending** it is one request. If no answer
//!   comes, the survey is **uncertain** until X's events **settle** it: sent or not.
//! - **dry run**: all is decided, and no prompt leaves.
//! - **lease**: the right to work on a survey for a while. Operators read `claimed`.
//! - **feedback**: X's object behind a prompt, known by its **feedback id**. Score and comment are
//!   the **answer**. An **update** is one state of it, and the **fold** joins all of them.
//! - **hint**: what X's webhook for feedback reports, until X's events confirm or refute it.
//! - **events**: X's list of updates. They are read in **windows**. A **second look** reads a
//!   window again. A stretch that could not be read is a **gap**.
//! - **fresh**: of a prompt that is likely to be answered soon, so that X is asked about it alone.
//! - **hold**: surveyd stops an account's prompts, after a restored database or for a rebuild.
//!   **Pause**: X refuses the account as a whole.
//! - **budget**: the calls that X still allows. The **pace** spreads them.
//! - **mark**: the file in a state folder that says which database its daemon last worked on.
//! - **generation**: the daemon's work under one configuration. A reload begins the next.
//! - **forget**: to erase a person, so that only the numbers stay. **Retention** erases by age.
//! - **result**: what became of one survey, in a narrow row. The **totals** of a day are sums of
//!   results.
//! - **view**: which results are meant, and beside which period ([`domain::view`]). **Viewer**: who
//!   looks, with **roles** and limits ([`domain::access`]).
//! - **block**: answers of one agent that are shown to the agent together or never.
//! - **schedule**: a report, an export or a digest at the start of each day, week or month.
//! - **fact**: something that happened and may be told at once. An **alert** is a place that is
//!   told. A **message** is one fact for one alert, or many facts in one. X's messages are always
//!   called Direct Messages.
//! - **silence**: less came than was to be expected, so that something may be broken.

// A failed write must end a command and never panic. `output` is for that.
#![warn(clippy::print_stdout, clippy::print_stderr)]

// The rules, without I/O.
pub mod domain;

// The time of day, read at the outermost layer only.
pub mod clock;
// Passwords' hashes and API tokens.
pub mod credentials;
// The configuration, with all of its faults reported at once.
pub mod config;
// Files and folders with the right owner and rights.
pub mod files;
// What this process has done since it started, for Prometheus.
pub mod meters;

// All that is remembered.
pub mod store;
// Every call to X.
pub mod x;
// Tells others at once what happened.
pub mod alerts;

// Takes closes in.
pub mod watcher;
// What the scheduler and the poller of one account work with.
pub mod worker;
// Sends prompts.
pub mod scheduler;
// Reads answers back.
pub mod poller;
// Rebuilds the record from X's own.
pub mod rebuild;
// Decides the closes on record under another configuration.
pub mod replay;
// The results as every form of them reads them.
pub mod results;
// Results as pages of HTML.
pub mod pages;
// Results as text, JSON, CSV, Parquet and XLSX.
pub mod report;
// The HTTP server.
pub mod web;

// Wires everything together and keeps it going.
pub mod daemon;
// The log.
pub mod logging;
// Stops all work in order.
pub mod stop;
// The alarm of a waiting loop.
pub mod wake;

// Texts in columns of a terminal.
mod columns;
// Widths, colours and times for people.
mod terminal;
// The output of commands.
mod output;
// The command line.
pub mod cli;
// A simulated X.
pub mod sandbox;
