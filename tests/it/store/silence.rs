//! What the look at silences counts.

use super::*;

type Row = (&'static str, i64, Option<i64>, &'static str, Option<&'static str>, i64);

/// Results of an account: name, close, prompt and outcome in minutes after the start, wait in
/// milliseconds to the base of 36, test.
const RESULTS: [Row; 9] = [
    ("a", 0, Some(5), "answered", Some("000036ii"), 0),
    ("b", 10, Some(15), "sent", None, 0),
    ("c", 20, None, "expired", None, 0),
    ("d", 30, None, "throttled", None, 0),
    ("e", 40, None, "cannot_dm", None, 0),
    ("f", 50, Some(55), "answered", Some("000zzzzz"), 0),
    ("g", 60, None, "cancelled", None, 0),
    ("h", 70, Some(75), "answered", Some("00000001"), 1),
    ("i", 80, None, "scheduled", None, 0),
];

fn minute(count: i64) -> Millis {
    Millis(START.0 + 60_000 * count)
}

fn period(from: i64, to: i64) -> Period {
    Period { from: minute(from), to: minute(to) }
}

impl Bench {
    async fn put(&self, account: &str) {
        for (name, closed, sent, outcome, wait, test) in RESULTS {
            let sent = sent.map_or("null".into(), |sent| minute(sent).0.to_string());
            let wait = wait.map_or("null".into(), |wait| format!("'{wait}'"));
            let statement = format!(
                "insert into result (survey_id, account, source, kind, question, test, closed_at, \
                 sent_at, outcome, wait) values ('{account}-{name}', '{account}', 'desk', 'csat', \
                 12, {test}, {}, {sent}, '{outcome}', {wait})",
                minute(closed).0
            );
            self.database.run_beside(&[&statement]).await;
        }
    }
}

#[tokio::test]
async fn what_came_in_went_out_and_was_answered_is_counted_by_account_without_tests() {
    on_each_engine(async |bench| {
        bench.put("acme").await;
        bench.put("other").await;
        let (store, all) = (&bench.store, period(0, 1_000));
        assert_eq!(store.closes_to_prompt("acme", all).await.unwrap(), 6);
        assert_eq!(store.closes_to_prompt("acme", period(10, 40)).await.unwrap(), 3);
        assert_eq!(store.closes_to_prompt("nobody", all).await.unwrap(), 0);
        assert_eq!(store.prompts_of("acme", all).await.unwrap(), 3);
        assert_eq!(store.prompts_of("acme", period(5, 15)).await.unwrap(), 2);
        assert_eq!(store.last_prompt_of("acme", all).await.unwrap(), Some(minute(55)));
        assert_eq!(store.last_prompt_of("acme", period(0, 54)).await.unwrap(), Some(minute(15)));
        assert_eq!(store.last_prompt_of("acme", period(56, 99)).await.unwrap(), None);
        assert_eq!(store.first_close_of("acme", period(1, 99)).await.unwrap(), Some(minute(10)));
        let mut answers = store.answers_of("acme", period(0, 2_000)).await.unwrap();
        answers.sort();
        let expected = [Millis(minute(5).0 + 148_410), Millis(minute(55).0 + 60_466_175)];
        assert_eq!(answers, expected);
        let early = Period { from: START, to: expected[0] };
        assert_eq!(store.answers_of("acme", early).await.unwrap(), [expected[0]]);
        let late = Period { from: expected[0].plus(SECOND), to: expected[1] };
        assert_eq!(store.answers_of("acme", late).await.unwrap(), [expected[1]]);
    })
    .await;
}
