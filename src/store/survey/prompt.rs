//! The content of a prompt and the times of its send.

use std::time::Duration;

use crate::domain::survey_type::SurveyType;
use crate::domain::time::Millis;

/// The content of a prompt, as the configuration has it at the moment of sending.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    pub kind: SurveyType,
    pub question_variant_id: u32,
    pub test: bool,
    pub message: String,
    pub privacy_url: String,
    pub display_name: Option<String>,
    /// The handle that sends the prompt and the X it is sent at
    /// ([`crate::worker::AccountWorker::sent_as`]).
    pub sent_as: String,
}

/// The instants that a send is judged by as it begins.
#[derive(Clone, Copy, Debug)]
pub struct SendTimes {
    pub now: Millis,
    /// The earliest instant that now can be, by our clock and by X's. surveyd counts X's limits
    /// from this instant. It matches what the request causes from this instant, too.
    pub x_now: Millis,
    /// The latest instant at which X may date the beginning of the request.
    pub x_latest: Millis,
    /// True if X's clock confirms ours.
    pub is_clock_confirmed: bool,
    /// True if a survey may end by `x_now`.
    pub is_clock_settled: bool,
    /// How long the request may take.
    pub lease: Duration,
}
