//! What must have happened somewhere in a suite: a simulation that never meets a fault proves
//! nothing about it.

use std::collections::BTreeMap;

use surveyd::sandbox::ApiCall;

use super::weather::{Kind, kinds};

/// Days from which on every fault must have met every call that it can.
const MANY_DAYS: u64 = 1_000;

const ALWAYS: [&str; 50] = [
    "close new",
    "close redelivered",
    "close closed again before its prompt",
    "close closed again after its survey",
    "close older than the close on record",
    "close too old as it came in",
    "close reopened before it came in",
    "close not in the sample",
    "close left out by a rule",
    "a person who opts out",
    "scheduled -> suppressed, opted_out",
    "scheduled -> scheduled",
    "a sender that hangs up",
    "reopening calls a survey off",
    "reopening calls nothing off",
    "a day without anything",
    "a person who changes",
    "a sleep",
    "a restart",
    "crash after a commit",
    "crash while a request is under way",
    "crash between passes",
    "crash before a sender has its answer",
    "scheduled -> sending",
    "scheduled -> cancelled, reopened",
    "scheduled -> suppressed, cannot_dm",
    "scheduled -> suppressed, suspended",
    "scheduled -> suppressed, throttled",
    "scheduled -> expired",
    "sending -> sent",
    "sending -> scheduled",
    "sending -> suppressed, cannot_dm",
    "sending -> failed",
    "sending -> uncertain",
    "uncertain -> sent",
    "uncertain -> scheduled",
    "uncertain -> expired",
    "sent -> answered",
    "nobody answers",
    "answered at once",
    "answered by a score alone",
    "answered in parts",
    "a full day",
    "an account works again",
    "a forecast that came true",
    "totals of days that came true",
    "Show limited by headers",
    "Events limited by headers",
    "Users limited by headers",
    "Friendship limited by headers",
];

/// What has not been seen in so many days, and should have been.
pub fn missing(seen: &BTreeMap<String, u64>, days: u64) -> Vec<String> {
    let mut wanted: Vec<String> = ALWAYS.iter().map(|name| (*name).to_owned()).collect();
    for call in ApiCall::ALL {
        for kind in kinds(call) {
            // In a few days, every fault of the prompts, and every other fault of some call.
            wanted.push(match call {
                ApiCall::Create => met(call, *kind),
                _ if days >= MANY_DAYS => met(call, *kind),
                _ => read_met(*kind),
            });
        }
    }
    wanted.retain(|what| !seen.contains_key(what));
    wanted
}

pub fn met(call: ApiCall, kind: Kind) -> String {
    format!("{call:?} met {kind:?}")
}

pub fn read_met(kind: Kind) -> String {
    format!("a read met {kind:?}")
}
