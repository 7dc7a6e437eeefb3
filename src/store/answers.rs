//! What comes back: updates folded into rows keyed by feedback id, matched to their surveys; how
//! far the events have been read; which prompts are to be asked about.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::surveys::{note, touch, write_state};
use super::{Result, Store};
use crate::domain::feedback::{Feedback, Given, Object, Update};
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::survey::{Delivery, Event, State, Survey};
use crate::domain::time::Millis;

/// What a fold changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// Surveys that have an answer now and had none.
    pub answered: Vec<(Survey, FeedbackId)>,
    /// Feedback that says more or something newer than before, by the survey it belongs to.
    pub updated: Vec<(Option<SurveyId>, FeedbackId)>,
    /// Surveys that were not known to be sent, and are.
    pub settled: Vec<Survey>,
}

/// A range of events that is being read, both ends included, and the cursor of its next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollWindow {
    pub from: Millis,
    pub to: Millis,
    pub cursor: Option<String>,
}

/// How far the events of an account have been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollState {
    pub done_to: Option<Millis>,
    pub window: Option<PollWindow>,
}

/// One page of events.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub updates: Vec<Update>,
    /// Events of kinds that surveyd does not know.
    pub unknown: Vec<Unknown>,
    /// Empty: the window is done.
    pub next_cursor: Option<String>,
}

/// An event kept as it came; its digest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    pub digest: String,
    pub body: String,
}

/// A prompt about which feedback/show may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToShow {
    pub survey_id: SurveyId,
    pub feedback_id: FeedbackId,
    pub sent_at: Millis,
}

const COLUMNS: &str = "account, id, survey_id, updated_at, created_at, to_user_id, external_id, \
     kind, question_variant_id, test, dm_id, raw, score, score_given_at, score_told_at, comment, \
     comment_given_at, comment_told_at, updates, folds";
const VALUES: usize = 20;

/// Inserts what is new and locks and reads what is there, in one statement.
const ON_CONFLICT_READ: &str = "do update set folds = feedback.folds + 1";
/// Writes back what was joined; the rows are locked by then.
const ON_CONFLICT_WRITE: &str = "do update set survey_id = excluded.survey_id, \
     updated_at = excluded.updated_at, created_at = excluded.created_at, \
     to_user_id = excluded.to_user_id, external_id = excluded.external_id, kind = excluded.kind, \
     question_variant_id = excluded.question_variant_id, test = excluded.test, \
     dm_id = excluded.dm_id, raw = excluded.raw, score = excluded.score, \
     score_given_at = excluded.score_given_at, score_told_at = excluded.score_told_at, \
     comment = excluded.comment, comment_given_at = excluded.comment_given_at, \
     comment_told_at = excluded.comment_told_at, updates = excluded.updates";

/// Both only where the place is still the one that the page was asked from.
const NEXT_PAGE: &str = "update poll set cursor = $1 where account = $2 and window_from = $3 \
     and window_to = $4 and coalesce(cursor, '') = $5";
const LAST_PAGE: &str = "update poll set done_to = window_to, window_from = null, \
     window_to = null, cursor = $1 where account = $2 and window_from = $3 and window_to = $4 \
     and coalesce(cursor, '') = $5";

/// Feedback in one statement; X's pages hold no more.
const BATCH_MAX: usize = 100;

impl Store {
    /// Folds updates into the feedback rows of an account; durable when this returns.
    pub async fn fold(&self, account: &str, updates: Vec<Update>, now: Millis) -> Result<Folded> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move { fold(connection, &account, updates, now).await })
            })
            .await
    }

    /// Folds a page of `window` and moves the cursor past it, in one transaction. Where another
    /// daemon has moved it meanwhile, the page is folded and the place it has reached is kept.
    pub async fn fold_page(
        &self,
        account: &str,
        window: PollWindow,
        page: Page,
        now: Millis,
    ) -> Result<Folded> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let statement = match &page.next_cursor {
                        Some(_) => NEXT_PAGE,
                        None => LAST_PAGE,
                    };
                    sqlx::query(statement)
                        .bind(page.next_cursor)
                        .bind(account.as_str())
                        .bind(window.from.0)
                        .bind(window.to.0)
                        .bind(window.cursor.unwrap_or_default())
                        .execute(&mut *connection)
                        .await?;
                    for event in page.unknown {
                        sqlx::query(
                            "insert into unknown_event (account, digest, seen_at, body) \
                             values ($1, $2, $3, $4) on conflict do nothing",
                        )
                        .bind(account.as_str())
                        .bind(event.digest)
                        .bind(now.0)
                        .bind(event.body)
                        .execute(&mut *connection)
                        .await?;
                    }
                    fold(connection, &account, page.updates, now).await
                })
            })
            .await
    }

    /// Makes a window durable before its first page is asked for.
    pub async fn open_window(&self, account: &str, from: Millis, to: Millis) -> Result<()> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(
                        "insert into poll (account, window_from, window_to) values ($1, $2, $3) \
                         on conflict (account) do update set window_from = excluded.window_from, \
                         window_to = excluded.window_to, cursor = null",
                    )
                    .bind(account)
                    .bind(from.0)
                    .bind(to.0)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    pub async fn poll_state(&self, account: &str) -> Result<PollState> {
        let row = sqlx::query(
            "select done_to, window_from, window_to, cursor from poll where account = $1",
        )
        .bind(account)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(PollState::default()) };
        let instant = |column: usize| row.try_get::<Option<i64>, _>(column);
        let window = match (instant(1)?, instant(2)?) {
            (Some(from), Some(to)) => {
                Some(PollWindow { from: Millis(from), to: Millis(to), cursor: row.try_get(3)? })
            }
            _ => None,
        };
        Ok(PollState { done_to: instant(0)?.map(Millis), window })
    }

    /// When the first close of an account was taken in.
    pub async fn first_close(&self, account: &str) -> Result<Option<Millis>> {
        let first: Option<i64> =
            sqlx::query_scalar("select min(accepted_at) from survey where account = $1")
                .bind(account)
                .fetch_one(&self.readers)
                .await?;
        Ok(first.map(Millis))
    }

    /// Prompts that feedback/show is to be asked about by now, the longest waiting first.
    pub async fn to_show(&self, account: &str, limit: u32, now: Millis) -> Result<Vec<ToShow>> {
        let rows = sqlx::query(
            "select id, feedback_id, sent_at from survey where account = $1 and show_at <= $2 \
             and feedback_id is not null and sent_at is not null order by show_at, id limit $3",
        )
        .bind(account)
        .bind(now.0)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(ToShow {
                    survey_id: SurveyId::new(row.try_get::<String, _>(0)?),
                    feedback_id: FeedbackId::new(row.try_get::<String, _>(1)?),
                    sent_at: Millis(row.try_get(2)?),
                })
            })
            .collect()
    }

    /// When the next prompt of an account is to be asked about.
    pub async fn next_show(&self, account: &str) -> Result<Option<Millis>> {
        let next: Option<i64> = sqlx::query_scalar(
            "select min(show_at) from survey where account = $1 and show_at is not null",
        )
        .bind(account)
        .fetch_one(&self.readers)
        .await?;
        Ok(next.map(Millis))
    }

    /// Sets when prompts are asked about next; `None`: never again. A prompt whose answer has
    /// become complete meanwhile stays unasked.
    pub async fn show_again(&self, next: Vec<(SurveyId, Option<Millis>)>) -> Result<()> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    for (id, show_at) in next {
                        sqlx::query(
                            "update survey set show_at = $1 where id = $2 and show_at is not null",
                        )
                        .bind(show_at.map(|at| at.0))
                        .bind(id.as_str())
                        .execute(&mut *connection)
                        .await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// A row: what is known, and the survey it belongs to.
struct Known {
    feedback: Feedback,
    survey_id: Option<SurveyId>,
    folds: i64,
}

/// Folds updates, whatever their number and order.
pub async fn fold(
    connection: &mut AnyConnection,
    account: &str,
    updates: Vec<Update>,
    now: Millis,
) -> Result<Folded> {
    // By id in order: two daemons that lock the same rows do it in the same order.
    let mut told: BTreeMap<FeedbackId, Feedback> = BTreeMap::new();
    for update in updates {
        let next = Feedback::of(update);
        match told.get_mut(&next.id) {
            Some(feedback) => feedback.join(next),
            None => {
                told.insert(next.id.clone(), next);
            }
        }
    }
    let mut folded = Folded::default();
    let told: Vec<Feedback> = told.into_values().collect();
    for batch in told.chunks(BATCH_MAX) {
        fold_batch(connection, account, batch, now, &mut folded).await?;
    }
    Ok(folded)
}

async fn fold_batch(
    connection: &mut AnyConnection,
    account: &str,
    batch: &[Feedback],
    now: Millis,
    folded: &mut Folded,
) -> Result<()> {
    let unmatched: Vec<_> = batch.iter().map(|feedback| (feedback, None)).collect();
    let read = upsert(connection, account, &unmatched, ON_CONFLICT_READ).await?;
    let mut known: HashMap<FeedbackId, Known> = HashMap::new();
    for row in &read {
        let row = known_row(row)?;
        known.insert(row.feedback.id.clone(), row);
    }
    let mut changed: Vec<Known> = Vec::new();
    for told in batch {
        let Some(mut row) = known.remove(&told.id) else { continue };
        let is_new = row.folds == 0;
        let before = row.feedback.clone();
        row.feedback.join(told.clone());
        let says_more = is_new || row.feedback != before;
        if says_more {
            folded.updated.push((row.survey_id.clone(), told.id.clone()));
        }
        // A row without a survey may have come before create's answer told whose it is.
        if says_more || row.survey_id.is_none() {
            changed.push(row);
        }
    }
    match_surveys(connection, account, &mut changed).await?;
    for row in &changed {
        if let Some(survey_id) = &row.survey_id {
            advance(connection, survey_id, &row.feedback, now, folded).await?;
        }
        if let Some(updated) = folded.updated.iter_mut().find(|(_, id)| *id == row.feedback.id) {
            updated.0 = row.survey_id.clone();
        }
    }
    let write: Vec<_> = changed.iter().map(|row| (&row.feedback, row.survey_id.as_ref())).collect();
    if !write.is_empty() {
        upsert(connection, account, &write, ON_CONFLICT_WRITE).await?;
    }
    Ok(())
}

async fn upsert(
    connection: &mut AnyConnection,
    account: &str,
    rows: &[(&Feedback, Option<&SurveyId>)],
    on_conflict: &str,
) -> Result<Vec<AnyRow>> {
    let mut sql = format!("insert into feedback ({COLUMNS}) values ");
    for row in 0..rows.len() {
        sql.push_str(if row > 0 { ",(" } else { "(" });
        for value in 0..VALUES {
            let comma = if value > 0 { "," } else { "" };
            let _ = write!(sql, "{comma}${}", row * VALUES + value + 1);
        }
        sql.push(')');
    }
    let _ = write!(sql, " on conflict (account, id) {on_conflict} returning {COLUMNS}");
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for (feedback, survey_id) in rows {
        let object = &feedback.object;
        let (score, text) = (feedback.score.as_ref(), feedback.text.as_ref());
        query = query
            .bind(account)
            .bind(feedback.id.as_str())
            .bind(survey_id.map(SurveyId::as_str))
            .bind(object.updated_at.0)
            .bind(object.created_at.map(|at| at.0))
            .bind(object.to_user_id.as_deref())
            .bind(object.external_id.as_deref())
            .bind(object.kind.as_deref())
            .bind(object.question_variant_id)
            .bind(i64::from(object.test))
            .bind(object.dm_id.as_deref())
            .bind(object.raw.as_str())
            .bind(score.map(|given| given.value))
            .bind(score.map(|given| given.given_at.0))
            .bind(score.map(|given| given.told_at.0))
            .bind(text.map(|given| given.value.as_str()))
            .bind(text.map(|given| given.given_at.0))
            .bind(text.map(|given| given.told_at.0))
            .bind(join_instants(&feedback.updates))
            .bind(0_i64);
    }
    Ok(query.fetch_all(connection).await?)
}

fn join_instants(instants: &BTreeSet<Millis>) -> String {
    let texts: Vec<String> = instants.iter().map(|at| at.0.to_string()).collect();
    texts.join(" ")
}

fn known_row(row: &AnyRow) -> Result<Known> {
    let instant = |column: usize| row.try_get::<Option<i64>, _>(column).map(|at| at.map(Millis));
    let score = match (row.try_get(12)?, instant(13)?, instant(14)?) {
        (Some(value), Some(given_at), Some(told_at)) => Some(Given { given_at, told_at, value }),
        _ => None,
    };
    let text = match (row.try_get(15)?, instant(16)?, instant(17)?) {
        (Some(value), Some(given_at), Some(told_at)) => Some(Given { given_at, told_at, value }),
        _ => None,
    };
    let updates: String = row.try_get(18)?;
    Ok(Known {
        survey_id: row.try_get::<Option<String>, _>(2)?.map(SurveyId::new),
        folds: row.try_get(19)?,
        feedback: Feedback {
            id: FeedbackId::new(row.try_get::<String, _>(1)?),
            object: Object {
                updated_at: Millis(row.try_get(3)?),
                created_at: instant(4)?,
                to_user_id: row.try_get(5)?,
                external_id: row.try_get(6)?,
                kind: row.try_get(7)?,
                question_variant_id: row.try_get(8)?,
                test: row.try_get::<i64, _>(9)? == 1,
                dm_id: row.try_get(10)?,
                raw: row.try_get(11)?,
            },
            score,
            text,
            updates: updates.split(' ').filter_map(|at| at.parse().ok()).map(Millis).collect(),
        },
    })
}

/// How far X's clock may lag behind ours. A prompt that X made earlier than that before our request
/// was not made by it: an agent may use the same external ids.
const CLOCKS_APART: Duration = Duration::from_secs(60 * 60);

/// Finds the survey of each row that has none: by the feedback's id where create's answer told it,
/// else by person and external id together.
async fn match_surveys(
    connection: &mut AnyConnection,
    account: &str,
    changed: &mut [Known],
) -> Result<()> {
    for row in changed.iter_mut().filter(|row| row.survey_id.is_none()) {
        let by_id: Option<String> = sqlx::query_scalar(
            "select id from survey where account = $1 and feedback_id = $2 limit 1",
        )
        .bind(account)
        .bind(row.feedback.id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
        let object = &row.feedback.object;
        let found = match (by_id, &object.external_id, &object.to_user_id) {
            (Some(id), _, _) => Some(id),
            (None, Some(external_id), Some(user_id)) => {
                // One that is sent bears its own feedback's id; one that is sending is its worker's.
                sqlx::query_scalar(
                    "select id from survey where account = $1 and external_id = $2 \
                     and user_id = $3 and begun_at <= $4 and feedback_id is null \
                     and state <> 'sending' order by begun_at desc limit 1",
                )
                .bind(account)
                .bind(external_id.as_str())
                .bind(user_id.as_str())
                .bind(object.created_at.map_or(i64::MAX, |at| at.plus(CLOCKS_APART).0))
                .fetch_optional(&mut *connection)
                .await?
            }
            (None, _, _) => None,
        };
        row.survey_id = found.map(SurveyId::new);
    }
    Ok(())
}

/// A prompt that has turned up counts in the budgets from when X made it, and is asked about now.
const FOUND: &str = "update survey set show_at = $1, spent_at = coalesce(spent_at, $2) \
     where id = $3";

/// Moves a survey on by what its feedback says.
async fn advance(
    connection: &mut AnyConnection,
    id: &SurveyId,
    feedback: &Feedback,
    now: Millis,
    folded: &mut Folded,
) -> Result<()> {
    let state: Option<String> = sqlx::query_scalar("select state from survey where id = $1")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let found = match state.as_deref() {
        // What is sending is for its own worker to finish; it looks here when it does.
        None | Some("sending" | "sent" | "answered") => false,
        Some(_) => true,
    };
    if found && let Some((mut survey, token)) = touch(connection, id).await? {
        let sent_at = feedback.object.created_at.unwrap_or(now);
        let delivery = Delivery {
            sent_at,
            feedback_id: feedback.id.clone(),
            dm_id: feedback.object.dm_id.clone(),
        };
        survey.state = advance_state(survey.state, Event::Found(delivery))?;
        write_state(connection, (id, token), &survey.state).await?;
        note(connection, (id, token), now, &survey.state, Some("found at X")).await?;
        sqlx::query(FOUND)
            .bind(now.0)
            .bind(sent_at.0)
            .bind(id.as_str())
            .execute(&mut *connection)
            .await?;
        folded.settled.push(survey);
    }
    let answers = found || state.as_deref() == Some("sent");
    if answers
        && feedback.is_answered()
        && let Some((mut survey, token)) = touch(connection, id).await?
    {
        survey.state = advance_state(survey.state, Event::Answered)?;
        write_state(connection, (id, token), &survey.state).await?;
        note(connection, (id, token), now, &survey.state, None).await?;
        folded.answered.push((survey, feedback.id.clone()));
    }
    if feedback.is_complete() {
        sqlx::query("update survey set show_at = null where id = $1 and show_at is not null")
            .bind(id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn advance_state(state: State, event: Event) -> Result<State> {
    state.step(event).map_err(|error| super::Error::Broken(error.to_string()))
}

/// Looks whether feedback of a survey that has just become uncertain has come before.
pub async fn match_waiting(
    connection: &mut AnyConnection,
    survey: &Survey,
    now: Millis,
) -> Result<()> {
    if let State::Uncertain { begun_at, .. } = survey.state {
        adopt(connection, survey, begun_at.minus(CLOCKS_APART), now).await?;
    }
    Ok(())
}

/// Looks, before a prompt is sent, whether X has shown one for this close already: sent by us, as
/// after a restored backup, or by another program that uses the same external ids. The survey as
/// it is then.
pub async fn find_before(
    connection: &mut AnyConnection,
    survey: &Survey,
    now: Millis,
) -> Result<Option<Survey>> {
    // X dates to the second, by its own clock: a prompt may seem older than the close it came of.
    adopt(connection, survey, survey.closed_at.minus(CLOCKS_APART), now).await
}

/// Gives a survey the feedback that bears its external id and person and belongs to no other, if
/// X made it after `made_after`.
async fn adopt(
    connection: &mut AnyConnection,
    survey: &Survey,
    made_after: Millis,
    now: Millis,
) -> Result<Option<Survey>> {
    let sql = format!(
        "select {COLUMNS} from feedback where account = $1 and external_id = $2 \
         and to_user_id = $3 and survey_id is null and created_at >= $4 \
         order by created_at limit 1"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(survey.account.as_str())
        .bind(survey.external_id.as_str())
        .bind(survey.person())
        .bind(made_after.0)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let known = known_row(&row)?;
    sqlx::query("update feedback set survey_id = $1 where account = $2 and id = $3")
        .bind(survey.id.as_str())
        .bind(survey.account.as_str())
        .bind(known.feedback.id.as_str())
        .execute(&mut *connection)
        .await?;
    let mut folded = Folded::default();
    advance(connection, &survey.id, &known.feedback, now, &mut folded).await?;
    let answered = folded.answered.into_iter().map(|(survey, _)| survey);
    Ok(answered.chain(folded.settled).next())
}
