//! The end of a run: what surveyd knows must be what is true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use surveyd::domain::days::{Day, Days, Zone};
use surveyd::domain::survey_type::SurveyType;
use surveyd::domain::time::Millis;
use surveyd::store::{Dimension, ResultRow, ResultsQuery};

use super::forecast::forecast;
use super::run::Run;
use super::setting::Weather;

pub async fn check(run: &mut Run) {
    run.observe();
    run.model.check_end();
    let query = ResultsQuery {
        from: Millis(i64::MIN),
        to: Millis(i64::MAX),
        account: None,
        or_sent: false,
    };
    let mut results = Vec::new();
    loop {
        let page = run.office.store.results(&query, results.last()).await.unwrap();
        if page.is_empty() {
            break;
        }
        results.extend(page);
    }
    assert_eq!(results.len(), run.model.surveys().len(), "closes and surveys");
    check_answers(run, &results);
    check_counts(run, &results).await;
    check_totals(run, &results).await;
    for account in &run.setting.accounts {
        let pause = run.office.store.last_pause(&account.screen_name).await.unwrap();
        if let Some(pause) = pause {
            assert!(pause.resumed_at.is_some(), "{} stays paused", account.screen_name);
            run.trace.cover("an account works again");
        }
    }
    if run.setting.weather == Weather::Calm {
        check_forecast(run, &results);
    }
    let mut lines: Vec<String> = results.iter().map(line).collect();
    lines.sort();
    let now = run.now();
    for line in lines {
        run.trace.tell(now, &line);
    }
}

/// The figures of the whole are those of its surveys, one by one.
async fn check_counts(run: &Run, results: &[ResultRow]) {
    let status = run.office.store.status(run.now()).await.unwrap();
    for (state, count) in status.by_state {
        let counted = results.iter().filter(|row| row.survey.state.name() == state).count();
        assert_eq!(count, i64::try_from(counted).unwrap(), "{state}");
    }
}

/// The totals of the days are those of the surveys, however often they were made anew meanwhile.
async fn check_totals(run: &mut Run, results: &[ResultRow]) {
    let zone = Zone::utc();
    let minute = Duration::from_secs(60);
    let left = run.office.store.catch_up_results(&zone, run.now(), minute).await.unwrap();
    assert_eq!(left, 0, "results and days are left");
    let always = Days { from: Day(0), to: Day(100_000) };
    let mut expected: BTreeMap<(Day, SurveyType), [u64; 13]> = BTreeMap::new();
    for row in results.iter().filter(|row| !row.survey.test) {
        let (survey, told) = (&row.survey, &row.told);
        expected.entry((zone.day_of(survey.closed_at), survey.kind)).or_default()[11] += 1;
        let Some(delivery) = survey.state.delivery() else { continue };
        let counts = expected.entry((zone.day_of(delivery.sent_at), survey.kind)).or_default();
        counts[12] += 1;
        let score = told.score.and_then(|score| u8::try_from(score).ok());
        if let Some(score) = score.filter(|score| survey.kind.scores().contains(score)) {
            counts[usize::from(score)] += 1;
        }
    }
    for by in Dimension::ALL {
        let mut found: BTreeMap<(Day, SurveyType), [u64; 13]> = BTreeMap::new();
        for total in run.office.store.day_totals(always, by).await.unwrap() {
            let sums = found.entry((total.day, total.kind)).or_default();
            let counts = &total.counts;
            let more = counts.scores.into_iter().chain([counts.closes, counts.prompted]);
            sums.iter_mut().zip(more).for_each(|(sum, count)| *sum += count);
        }
        assert_eq!(found, expected, "the days by {by:?}");
    }
    if !expected.is_empty() {
        run.trace.cover("totals of days that came true");
    }
}

/// What people said is known, all of it, and nothing else.
fn check_answers(run: &mut Run, results: &[ResultRow]) {
    let world = run.sandbox.world();
    let world = world.lock().unwrap();
    for prompt in world.prompts() {
        let id = prompt.feedback_id.to_string();
        let is_of = |row: &&ResultRow| {
            row.survey.state.delivery().is_some_and(|known| known.feedback_id.as_str() == id)
        };
        let row = results.iter().find(is_of);
        let row = row.unwrap_or_else(|| panic!("a prompt that reached somebody is not known"));
        let truth = world.feedback(prompt.feedback_id).expect("every prompt has its feedback");
        let name = &row.survey.external_id;
        let score = truth.score.as_ref().map(|part| i64::from(part.value));
        let text = truth.text.as_ref().map(|part| part.value.clone());
        assert_eq!(row.told.score, score, "the score of {name}");
        assert_eq!(row.told.text, text, "the comment of {name}");
        let is_answered = score.is_some() || text.is_some();
        assert_eq!(row.survey.state.name() == "answered", is_answered, "the state of {name}");
        let given = [
            truth.score.as_ref().map(|part| part.created_at),
            truth.text.as_ref().map(|part| part.created_at),
        ];
        let given: BTreeSet<Millis> = given.into_iter().flatten().collect();
        let updates = 1 + u32::try_from(given.len()).expect("at most two");
        assert_eq!(row.told.updates, updates, "the updates of {name}");
        run.trace.cover(match given.len() {
            0 => "nobody answers",
            1 if score.is_some() && text.is_some() => "answered at once",
            1 => "answered by a score alone",
            _ => "answered in parts",
        });
    }
}

fn check_forecast(run: &mut Run, results: &[ResultRow]) {
    let forecast = forecast(&run.setting, &run.said);
    assert_eq!(results.len(), forecast.len(), "surveys forecast");
    for row in results {
        let survey = &row.survey;
        let key = (survey.account.clone(), survey.external_id.clone());
        let outcome = forecast.get(&key).copied().unwrap_or("nothing");
        let state = match survey.state.name() {
            "answered" => "sent".to_owned(),
            "suppressed" => format!("suppressed: {}", survey.state.reason().unwrap_or_default()),
            name => name.to_owned(),
        };
        assert_eq!(state, outcome, "what became of {key:?}");
    }
    run.trace.cover("a forecast that came true");
}

fn line(row: &ResultRow) -> String {
    let (survey, told) = (&row.survey, &row.told);
    let delivery = survey.state.delivery().map(|delivery| delivery.feedback_id.as_str());
    format!(
        "{}/{} is {} {:?} {:?} {:?} {:?} after {} tries",
        survey.account,
        survey.external_id,
        survey.state.name(),
        delivery,
        told.score,
        told.text,
        told.updated_at,
        survey.attempts,
    )
}
