//! Updates folded into rows keyed by feedback id, and what they mean for their surveys.

use std::collections::{BTreeMap, HashMap};

use sqlx::AnyConnection;

use super::feedback::{Known, ON_CONFLICT_READ, ON_CONFLICT_WRITE, known_row, upsert};
use super::matching::{advance, match_surveys};
use super::{Result, Store};
use crate::domain::feedback::{Feedback, Trust, Update};
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::survey::Survey;
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
    /// Hints that X's word has not borne out.
    pub refuted: Vec<(Option<SurveyId>, FeedbackId)>,
    /// Feedback of which X has told a score or a text against its own word.
    pub contradicted: Vec<(Option<SurveyId>, FeedbackId)>,
}

/// Feedback in one statement; X's pages hold no more.
const BATCH_MAX: usize = 100;

impl Store {
    /// Folds what X has answered into the feedback rows of an account; durable when this returns.
    pub async fn fold(&self, account: &str, updates: Vec<Update>, now: Millis) -> Result<Folded> {
        self.fold_told(account, updates, Trust::Word, now).await
    }

    /// Folds what X's webhook has told. X's events up to `judged_by` tell whether it is true.
    pub async fn fold_hints(
        &self,
        account: &str,
        updates: Vec<Update>,
        judged_by: Millis,
        now: Millis,
    ) -> Result<Folded> {
        self.fold_told(account, updates, Trust::Hint { judged_by }, now).await
    }

    async fn fold_told(
        &self,
        account: &str,
        updates: Vec<Update>,
        trust: Trust,
        now: Millis,
    ) -> Result<Folded> {
        let account = account.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move { fold(connection, &account, updates, trust, now).await })
            })
            .await
    }
}

/// Folds updates, whatever their number and order.
pub async fn fold(
    connection: &mut AnyConnection,
    account: &str,
    updates: Vec<Update>,
    trust: Trust,
    now: Millis,
) -> Result<Folded> {
    // By id in order: two daemons that lock the same rows do it in the same order.
    let mut told: BTreeMap<FeedbackId, Feedback> = BTreeMap::new();
    for update in updates {
        let next = Feedback::of(update, trust);
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
        let before = (row.folds > 0).then(|| row.feedback.clone());
        row.feedback.join(told.clone());
        let says_more = before.as_ref() != Some(&row.feedback);
        if says_more {
            let named = || (row.survey_id.clone(), told.id.clone());
            let grows = |count: fn(&Feedback) -> usize| {
                count(&row.feedback) > before.as_ref().map_or(0, count)
            };
            folded.updated.push(named());
            if grows(Feedback::refuted) {
                folded.refuted.push(named());
            }
            if grows(Feedback::contradictions) {
                folded.contradicted.push(named());
            }
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
        let Folded { updated, refuted, contradicted, .. } = &mut *folded;
        for (survey_id, _) in [updated, refuted, contradicted]
            .into_iter()
            .filter_map(|list| list.iter_mut().find(|(_, id)| *id == row.feedback.id))
        {
            survey_id.clone_from(&row.survey_id);
        }
    }
    let write: Vec<_> = changed.iter().map(|row| (&row.feedback, row.survey_id.as_ref())).collect();
    if !write.is_empty() {
        upsert(connection, account, &write, ON_CONFLICT_WRITE).await?;
    }
    Ok(())
}
