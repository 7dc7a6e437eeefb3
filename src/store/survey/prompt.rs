//! What a person is to see, and the times of its sending.

use std::time::Duration;

use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;

/// What the person is to see, as the configuration has it at the moment of sending.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    pub kind: SurveyType,
    pub question_variant_id: u32,
    pub test: bool,
    pub message: String,
    pub privacy_url: String,
    pub display_name: Option<String>,
    /// The handle that sends it, and at which X ([`crate::worker::AccountWorker::sent_as`]).
    pub sent_as: String,
}

/// When a send is begun.
#[derive(Clone, Copy, Debug)]
pub struct SendTimes {
    pub now: Millis,
    /// The earliest instant that it may be, by our clock and by X's: what X counts is reckoned by
    /// this one, and what the request causes is matched from it.
    pub x_now: Millis,
    /// The latest that X may date the request's beginning.
    pub x_latest: Millis,
    /// Whether X's clock bears ours out.
    pub is_clock_confirmed: bool,
    /// Whether a survey may end by `x_now`.
    pub is_clock_settled: bool,
    /// How long the request may take.
    pub lease: Duration,
}
