//! Shows the oracle what has happened, as X and the database have it.

use surveyd::sandbox::ApiCall;

use super::coverage;
use super::run::Run;
use super::setting::Weather;
use super::weather::Kind;

impl Run {
    /// Shows the oracle all that has happened since it looked last.
    pub fn observe(&mut self) {
        let now = self.now();
        let world = self.sandbox.world();
        let mut world = world.lock().unwrap();
        world.advance(now);
        for (call, kind) in self.orders.met(&world) {
            self.trace.cover(coverage::met(call, kind));
            if call != ApiCall::Create {
                self.trace.cover(coverage::read_met(kind));
            }
            self.model.hindered(now);
            self.office.looks_anyway(now);
            self.was_later |= matches!(kind, Kind::CutLater | Kind::CrashLater);
            if call == ApiCall::Create && kind == Kind::UnknownRefusal {
                self.model.met_strange();
            } else if call == ApiCall::Create && kind.leaves_unknown() && !kind.is_crash() {
                self.model.met_unknown();
            }
        }
        for noted in self.watch.news() {
            let step = self.model.step(&noted, world.prompts());
            self.trace.tell(now, &step);
            let (_, step) = step.split_once(": ").expect("a step names its survey");
            self.trace.cover(step);
        }
        let new: Vec<_> = world.prompts()[self.prompts_seen..].to_vec();
        self.prompts_seen += new.len();
        for prompt in &new {
            let (words, is_day_full) = self.model.prompted(prompt);
            if is_day_full {
                self.trace.cover("a full day");
            }
            self.trace.tell(prompt.carried_out_at, &words);
        }
        let count = world.record().refused_count();
        let fresh = usize::try_from(count - self.refused_seen).expect("few are refused");
        self.refused_seen = count;
        let refused = world.refused();
        let before = refused.len() - fresh;
        for call in world.refused().skip(before) {
            let code = call.refusal.code;
            let is_fair = match call.path.as_str() {
                // The look-up is how surveyd learns it.
                "/1.1/friendships/show.json" if matches!(code, 50 | 63) => true,
                // The look-up may be wrong of this one.
                "/1.1/feedback/create.json" if code == 349 => true,
                // The person may have changed before X carried it out.
                "/1.1/feedback/create.json" if matches!(code, 50 | 63 | 150) => self.was_later,
                _ => code == 88 && self.setting.weather == Weather::Stingy,
            };
            if code == 88 {
                self.trace.cover("a read is limited by X");
            }
            assert!(is_fair, "surveyd makes a call that X refuses: {call:?}");
        }
    }
}
