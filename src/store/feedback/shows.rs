//! The schedule of feedback/show, and what earlier prompts teach about the people.

use std::time::Duration;

use sqlx::Row;

use crate::domain::freshness::{Fresh, Observed, PromptsByAge};
use crate::domain::id::{FeedbackId, SurveyId};
use crate::domain::time::Millis;
use crate::store::survey::clock_ahead::DAEMONS_APART;
use crate::store::{Result, Store};

/// A prompt about which feedback/show may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToShow {
    pub survey_id: SurveyId,
    pub feedback_id: FeedbackId,
    pub fresh: Fresh,
    /// The instant at which it was to be asked about.
    pub show_at: Millis,
}

impl ToShow {
    /// True if X's webhook has named it. It is then asked about whatever the schedule says.
    pub fn is_out_of_turn(&self) -> bool {
        self.show_at == OUT_OF_TURN
    }
}

/// The result of asking about a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShowOutcome {
    pub survey_id: SurveyId,
    /// The prompt's `show_at` as it was read.
    pub was: Millis,
    /// Absent if X was not asked or did not answer.
    pub asked_at: Option<Millis>,
    /// The next instant to ask. `None` ends the asking.
    pub again: Option<Millis>,
}

/// Earlier than any instant that a schedule may set.
const OUT_OF_TURN: Millis = Millis(0);

/// The precision of prompts' ages.
const AGE_STEP: Duration = Duration::from_secs(5 * 60);

const TO_SHOW: &str = "select s.id, s.feedback_id, s.sent_at, s.shown_at, s.show_at, \
     f.score_given_at, f.comment_given_at from survey s \
     left join feedback f on f.account = s.account and f.id = s.feedback_id \
     where s.account = $1 and s.show_at <= $2 and s.feedback_id is not null \
     and s.sent_at is not null \
     order by case when s.show_at = 0 then 0 else 1 end, s.sent_at desc, s.id limit $3";

const NEXT_SHOW: &str =
    "select min(show_at) from survey where account = $1 and show_at is not null";

/// Writes only if nothing has changed `show_at` meanwhile. A complete answer or another webhook
/// call changes it.
const SHOWN: &str = "update survey set show_at = $1, shown_at = coalesce($2, shown_at) \
     where id = $3 and show_at = $4";

/// Moves a prompt that X's webhook has named before all others, as long as it is asked about.
pub const SHOW_FIRST: &str = "update survey set show_at = 0 where id = $1 and show_at is not null";

const AHEAD: &str = "account = $1 and show_at > $2 and (shown_at > $3 or show_at > $4 or \
     (shown_at is null and show_at > $5))";

const PULL_BACK: &str = "update survey set show_at = $2, \
     shown_at = case when shown_at > $3 then null else shown_at end where ";

const CROWD: &str = "select ($2 - sent_at) / $3 as steps, \
     cast(count(*) as bigint) as prompts from survey where account = $1 \
     and show_at is not null and state = 'sent' and sent_at <= $2 group by steps";

const OBSERVED: &str = "select s.sent_at, s.shown_at, f.score_given_at, f.comment_given_at \
     from survey s left join feedback f on f.account = s.account and f.id = s.feedback_id \
     where s.account = $1 and s.spent_at >= $2 and s.sent_at is not null \
     order by s.spent_at desc, s.id limit $3";

impl Store {
    /// Returns prompts that feedback/show is to be asked about by `by`. Those out of turn come
    /// first, then the newest.
    pub async fn to_show(&self, account: &str, limit: u32, by: Millis) -> Result<Vec<ToShow>> {
        let rows = sqlx::query(TO_SHOW)
            .bind(account)
            .bind(by.0)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let given: [Option<Millis>; 2] =
                    [row.try_get("score_given_at")?, row.try_get("comment_given_at")?];
                Ok(ToShow {
                    survey_id: row.try_get("id")?,
                    feedback_id: row.try_get("feedback_id")?,
                    fresh: Fresh {
                        sent_at: row.try_get("sent_at")?,
                        asked_at: row.try_get("shown_at")?,
                        partly_at: given.into_iter().flatten().min(),
                    },
                    show_at: row.try_get("show_at")?,
                })
            })
            .collect()
    }

    /// Returns the instant at which the next prompt of an account is to be asked about.
    pub async fn next_show(&self, account: &str) -> Result<Option<Millis>> {
        let next: Option<i64> =
            sqlx::query_scalar(NEXT_SHOW).bind(account).fetch_one(&self.readers).await?;
        Ok(next.map(Millis))
    }

    /// Makes prompts due at once that a clock that ran ahead has put off. Also forgets calls that
    /// are dated in the future. A prompt never asked about is due by `first` at the latest. Every
    /// prompt is due by `latest`. Returns how many prompts there were.
    pub async fn pull_back_shows(
        &self,
        account: &str,
        now: Millis,
        (first, latest): (Millis, Millis),
    ) -> Result<u64> {
        let [most, latest, first] = [now, latest, first].map(|at| at.plus(DAEMONS_APART));
        self.pull_back((PULL_BACK, AHEAD), account, [now, most, latest, first]).await
    }

    /// Sets when prompts are asked about next. A prompt whose answer has become complete meanwhile
    /// stays unasked. A prompt that X's webhook has named meanwhile is asked about again.
    pub async fn show_again(&self, shown: Vec<ShowOutcome>) -> Result<()> {
        if shown.is_empty() {
            return Ok(());
        }
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    for shown in shown {
                        sqlx::query(SHOWN)
                            .bind(shown.again.map(|at| at.0))
                            .bind(shown.asked_at.map(|at| at.0))
                            .bind(shown.survey_id.as_str())
                            .bind(shown.was.0)
                            .execute(&mut *connection)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Counts an account's unanswered prompts that are still asked about, by age.
    pub async fn crowd(&self, account: &str, now: Millis) -> Result<PromptsByAge> {
        let step = i64::try_from(AGE_STEP.as_millis()).unwrap_or(i64::MAX);
        let rows = sqlx::query(CROWD)
            .bind(account)
            .bind(now.0)
            .bind(step)
            .fetch_all(&self.readers)
            .await?;
        let mut crowd = PromptsByAge::default();
        for row in rows {
            let steps = u32::try_from(row.try_get::<i64, _>("steps")?).unwrap_or(u32::MAX);
            let prompts = u32::try_from(row.try_get::<i64, _>("prompts")?).unwrap_or(u32::MAX);
            crowd.count(AGE_STEP.saturating_mul(steps) + AGE_STEP / 2, prompts);
        }
        Ok(crowd)
    }

    /// Returns what became of the account's last prompts since `since`. X's events have been read
    /// up to `read_to`.
    pub async fn observed(
        &self,
        account: &str,
        since: Millis,
        read_to: Option<Millis>,
        limit: u32,
    ) -> Result<Vec<Observed>> {
        let rows = sqlx::query(OBSERVED)
            .bind(account)
            .bind(since.0)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let sent_at = row.try_get("sent_at")?;
                let known_to = [row.try_get("shown_at")?, read_to].into_iter().flatten().max();
                Ok(Observed {
                    sent_at,
                    score_at: row.try_get("score_given_at")?,
                    comment_at: row.try_get("comment_given_at")?,
                    known_to: known_to.unwrap_or(sent_at),
                })
            })
            .collect()
    }
}
