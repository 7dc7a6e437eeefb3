//! What goes wrong at X: faults on order, and which of them have been met.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use surveyd::domain::time::Millis;
use surveyd::sandbox::{ApiCall, Ending, InjectedFault, Scripted, World};

use super::dice::Dice;
use super::setting::MINUTE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    CutBefore,
    CutAfter,
    /// Cut, and carried out a while later.
    CutLater,
    ErrorBefore,
    ErrorAfter,
    GarbageBefore,
    GarbageAfter,
    /// "You already said that": a refusal that says it was carried out.
    AlreadySaid,
    Unavailable,
    Limited,
    LimitedUntil,
    AccountRefused,
    /// A refusal with a code that nobody knows.
    UnknownRefusal,
    /// surveyd ends while it waits for the answer.
    CrashBefore,
    CrashAfter,
    CrashLater,
}

use Kind::{
    AccountRefused, AlreadySaid, CrashAfter, CrashBefore, CrashLater, CutAfter, CutBefore,
    CutLater, ErrorAfter, ErrorBefore, GarbageAfter, GarbageBefore, Limited, LimitedUntil,
    Unavailable, UnknownRefusal,
};

const OF_CREATE: [Kind; 15] = [
    CutBefore,
    CutAfter,
    CutLater,
    ErrorBefore,
    ErrorAfter,
    GarbageBefore,
    GarbageAfter,
    AlreadySaid,
    Limited,
    LimitedUntil,
    AccountRefused,
    UnknownRefusal,
    CrashBefore,
    CrashAfter,
    CrashLater,
];
const OF_READS: [Kind; 7] =
    [CutAfter, Unavailable, GarbageAfter, Limited, LimitedUntil, AccountRefused, CrashAfter];
const OF_PROBES: [Kind; 2] = [Unavailable, AccountRefused];

/// The kinds of faults that a call may meet.
pub fn kinds(call: ApiCall) -> &'static [Kind] {
    match call {
        ApiCall::Create => &OF_CREATE,
        ApiCall::Show
        | ApiCall::Events
        | ApiCall::Friendship
        | ApiCall::Users
        | ApiCall::DirectMessages
        | ApiCall::DmEvents => &OF_READS,
        ApiCall::VerifyCredentials => &OF_PROBES,
    }
}

impl Kind {
    pub fn is_crash(self) -> bool {
        matches!(self, CrashBefore | CrashAfter | CrashLater)
    }

    /// Whether a prompt that meets it may have gone out for all that surveyd can know.
    pub fn leaves_unknown(self) -> bool {
        !matches!(self, Limited | LimitedUntil | AccountRefused | UnknownRefusal | Unavailable)
    }

    fn fault(self, now: Millis, dice: &mut Dice) -> InjectedFault {
        // X may carry a prompt out for `settle_after` after surveyd gave it up, not for longer.
        let later = dice.between(Duration::from_secs(1), MINUTE - Duration::from_secs(2));
        let after_ms = u64::try_from(later.as_millis()).expect("less than a minute");
        let before = |ending| InjectedFault::NotCarriedOut { ending };
        let after = |ending| InjectedFault::CarriedOut { ending };
        let error = |status, code, words| Ending::Answer(Scripted::error(status, code, words));
        let page = Scripted::html(503, "<html>over capacity</html>");
        let limited = Scripted::error(429, 88, "Rate limit exceeded");
        let reset = now.plus(dice.between(MINUTE, 30 * MINUTE)).0 / 1_000;
        match self {
            CutBefore => before(Ending::Cut),
            CutAfter => after(Ending::Cut),
            CutLater => InjectedFault::CarriedOutLater { after_ms, ending: Ending::Cut },
            ErrorBefore => before(error(500, 131, "Internal error")),
            ErrorAfter => after(Ending::Answer(page)),
            GarbageBefore => before(Ending::Answer(Scripted::html(200, "<html>welcome</html>"))),
            GarbageAfter => after(Ending::Answer(Scripted::json(200, "{\"id\": \"77\", \"ev"))),
            AlreadySaid => after(error(403, 187, "Status is a duplicate.")),
            Unavailable => before(Ending::Answer(page)),
            Limited => before(Ending::Answer(limited)),
            LimitedUntil => before(Ending::Answer(
                limited.with_header("x-rate-limit-reset", &reset.to_string()),
            )),
            AccountRefused => before(error(401, 89, "Invalid or expired token.")),
            UnknownRefusal => before(error(403, 9_999, "Something new.")),
            CrashBefore => before(Ending::Silence),
            CrashAfter => after(Ending::Silence),
            CrashLater => InjectedFault::CarriedOutLater { after_ms, ending: Ending::Silence },
        }
    }
}

/// The faults on order, by call and in the order in which they will be met.
#[derive(Default)]
pub struct Orders {
    /// With the how-manieth call of its kind each will strike.
    waiting: BTreeMap<ApiCall, VecDeque<(u64, Kind)>>,
}

impl Orders {
    pub fn add(
        &mut self,
        call: ApiCall,
        kind: Kind,
        world: &mut World,
        now: Millis,
        dice: &mut Dice,
    ) {
        let waiting = self.waiting.entry(call).or_default();
        let last = waiting.back().map_or(0, |(strikes, _)| *strikes).max(world.calls(call));
        waiting.push_back((last + 1, kind));
        world.fault(call, 1, kind.fault(now, dice));
    }

    /// The faults that were met since this was asked last.
    pub fn met(&mut self, world: &World) -> Vec<(ApiCall, Kind)> {
        let mut met = Vec::new();
        for (call, waiting) in &mut self.waiting {
            while waiting.front().is_some_and(|(strikes, _)| *strikes <= world.calls(*call)) {
                met.extend(waiting.pop_front().map(|(_, kind)| (*call, kind)));
            }
        }
        met
    }

    /// Whether a crash is on order; only then need anybody look for it.
    pub fn may_crash(&self) -> bool {
        self.waiting.values().flatten().any(|(_, kind)| kind.is_crash())
    }

    /// Whether a call under way is one that surveyd does not live to see answered.
    pub fn is_crash_met(&self, world: &World) -> bool {
        self.waiting.iter().any(|(call, waiting)| {
            let made = world.calls(*call);
            waiting.iter().any(|(strikes, kind)| kind.is_crash() && *strikes <= made)
        })
    }

    pub fn clear(&mut self, world: &mut World) {
        self.waiting.clear();
        world.clear_faults();
    }
}
