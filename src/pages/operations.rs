//! The line that says what the service is doing now.

use serde::Serialize;

use super::words;
use crate::domain::days::Zone;
use crate::domain::time::Millis;

/// What the service does for the accounts of a view.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Operations {
    /// How many accounts send, are on a dry run, are on hold, and are paused by X.
    pub sending: u64,
    pub dry: u64,
    pub held: u64,
    pub paused: u64,
    /// Surveys that wait for their time. Absent for a viewer with limits.
    pub waiting: Option<u64>,
    /// Prompts of the last 24 hours, and how many there may be. 0 of 0 for a viewer with limits.
    pub prompts_of_day: u64,
    pub daily_limit: u64,
    /// How far X's answers are read at the account that is furthest behind.
    pub read_to: Option<Millis>,
    pub uncertain: u64,
    /// Surveys whose change is not in the numbers yet.
    pub counting: u64,
}

impl Operations {
    /// True if somebody must act, or if the numbers beside the line lack something.
    pub fn is_pressing(&self) -> bool {
        let is_idle = self.sending + self.dry == 0;
        is_idle || self.held + self.paused + self.uncertain + self.counting > 0
    }
}

/// One fact of the line. The value is stressed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OperationsFact {
    pub value: String,
    pub text: String,
    /// `good`, `warn` or nothing. Only the dot has that colour, the words say it anyway.
    pub class: &'static str,
}

fn fact(class: &'static str, value: impl Into<String>, text: impl Into<String>) -> OperationsFact {
    OperationsFact { value: value.into(), text: text.into(), class }
}

/// Returns the facts in the order of their weight.
pub fn facts(of: &Operations, zone: &Zone, now: Millis) -> Vec<OperationsFact> {
    let mut facts = accounts(of);
    if of.counting > 0 {
        let text = if of.counting == 1 { "answer is" } else { "answers are" };
        facts.push(fact("", words::count(of.counting), format!("{text} still being counted")));
    }
    if let Some(waiting) = of.waiting {
        let waits = if waiting == 1 { "waits for its time" } else { "wait for their time" };
        facts.push(fact("", words::count(waiting), waits));
    }
    if of.daily_limit > 0 {
        facts.push(fact(
            "",
            words::count(of.prompts_of_day),
            format!("of {} prompts in 24\u{a0}h", words::count(of.daily_limit)),
        ));
    }
    match of.read_to {
        Some(at) => {
            let ago = words::length(now.since(at).as_secs_f64());
            let read = format!("up to {}, {ago} ago", words::nearest(at, zone, now));
            facts.push(fact("", "Answers read", read));
        }
        None => facts.push(fact("", "No answer", "is read yet")),
    }
    if of.uncertain > 0 {
        let value = format!("{} uncertain", words::count(of.uncertain));
        facts.push(fact("warn", value, "not sent again until X says"));
    }
    facts
}

fn accounts(of: &Operations) -> Vec<OperationsFact> {
    let on = |count: u64| match count {
        1 => "1\u{a0}account".to_owned(),
        count => format!("{}\u{a0}accounts", words::count(count)),
    };
    let all = of.sending + of.dry + of.held + of.paused;
    let mut facts = Vec::new();
    match (of.sending, all) {
        (_, 0) => facts.push(fact("warn", "No account", "is configured")),
        (0, _) => {}
        (1, 1) => facts.push(fact("good", "Sending", "")),
        (2, 2) => facts.push(fact("good", "Sending", "on both accounts")),
        (sending, all) if sending == all => {
            facts.push(fact("good", "Sending", format!("on all {}", on(all))));
        }
        (sending, _) => facts.push(fact("good", "Sending", format!("on {}", on(sending)))),
    }
    for (count, class, value) in
        [(of.paused, "warn", "Paused"), (of.held, "warn", "On hold"), (of.dry, "", "Dry run")]
    {
        match (count, all) {
            (0, _) => {}
            (1, 1) => facts.push(fact(class, value, "")),
            (count, _) => facts.push(fact(class, value, format!("on {}", on(count)))),
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(of: &Operations) -> String {
        let now = Millis::from_rfc3339("2026-11-30T13:04:00Z").unwrap();
        let facts = facts(of, &Zone::utc(), now);
        let texts = facts.iter().map(|fact| format!("{} {}", fact.value, fact.text));
        texts.map(|text| text.trim_end().to_owned()).collect::<Vec<_>>().join(" · ")
    }

    #[test]
    fn the_line_says_what_is_going_on() {
        let read_to = Some(Millis::from_rfc3339("2026-11-30T13:02:00Z").unwrap());
        let of = Operations {
            sending: 2,
            waiting: Some(8),
            prompts_of_day: 412,
            daily_limit: 1_000,
            read_to,
            uncertain: 3,
            ..Operations::default()
        };
        assert_eq!(
            line(&of).replace('\u{a0}', " "),
            "Sending on both accounts · 8 wait for their time · 412 of 1\u{202f}000 prompts in 24 \
             h · Answers read up to 13:02, 2 min ago · 3 uncertain not sent again until X says"
        );
        let of = Operations { sending: 1, paused: 1, held: 1, counting: 1, waiting: Some(1), ..of };
        assert_eq!(
            line(&of).replace('\u{a0}', " ").split(" · ").take(5).collect::<Vec<_>>(),
            [
                "Sending on 1 account",
                "Paused on 1 account",
                "On hold on 1 account",
                "1 answer is still being counted",
                "1 waits for its time",
            ]
        );
    }

    #[test]
    fn a_start_says_that_nothing_is_there_yet() {
        let of =
            Operations { sending: 1, waiting: Some(0), daily_limit: 500, ..Operations::default() };
        assert_eq!(
            line(&of).replace('\u{a0}', " "),
            "Sending · 0 wait for their time · 0 of 500 prompts in 24 h · No answer is read yet"
        );
    }
}
