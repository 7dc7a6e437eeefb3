//! The reads for people: single surveys with their history, all results and the state of an
//! account.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use crate::domain::close::Notice;
use crate::domain::event_windows::{ReadingPurpose, SecondLook};
use crate::domain::id::SurveyId;
use crate::domain::policy::decision::Decision;
use crate::domain::survey::Survey;
use crate::domain::time::{Millis, Period};
use crate::store::survey::row;
use crate::store::{DryDay, Error, Paused, PollState, Result, Store, Unread};

/// The surveys to list. An absent field matches any.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub state: Option<String>,
    pub account: Option<String>,
    pub conversation_id: Option<String>,
    pub reason: Option<String>,
    pub user_id: Option<String>,
    /// Only surveys whose conversation closed at this instant or later.
    pub since: Option<Millis>,
    pub limit: u32,
}

/// A conversation of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationName {
    pub account: String,
    pub conversation_id: String,
}

/// One line of a survey's history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryStep {
    /// The steps count from one in their order. Zero is the acceptance, kept once a later close has
    /// moved the survey. Closes that changed nothing have negative numbers.
    pub place: i64,
    pub at: Millis,
    pub state: String,
    pub detail: Option<String>,
    /// The decision behind the step. Absent if there was none.
    pub decision: Option<Decision>,
}

/// The person's answer, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PersonsResponse {
    pub score: Option<i64>,
    pub scored_at: Option<Millis>,
    pub text: Option<String>,
    pub commented_at: Option<Millis>,
    pub updated_at: Option<Millis>,
    pub updates: u32,
}

/// A survey with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultRow {
    pub survey: Survey,
    pub told: PersonsResponse,
    /// The decision as the close came in. Absent for surveys from before decisions were kept.
    pub at_close: Option<Decision>,
    /// The last decision at the moment of sending.
    pub at_sending: Option<Decision>,
}

impl ResultRow {
    /// Returns the variant that the person saw or would have seen.
    pub fn variant(&self) -> Option<&str> {
        self.last_decision()?.variant.as_deref()
    }

    /// Returns the rule that matched the close.
    pub fn rule(&self) -> Option<&str> {
        self.last_decision()?.rule.as_deref()
    }

    fn last_decision(&self) -> Option<&Decision> {
        self.at_sending.as_ref().or(self.at_close.as_ref())
    }
}

/// The results to read: surveys that closed in a period, both ends included.
#[derive(Clone, Debug)]
pub struct ResultsQuery {
    pub from: Millis,
    pub to: Millis,
    pub account: Option<String>,
    /// True if surveys sent in the period count too, whenever their conversation closed. Reports
    /// use this.
    pub or_sent: bool,
}

/// The state of one account.
#[derive(Clone, Debug)]
pub struct AccountStatus {
    /// Prompts that may have been sent in the last 24 hours.
    pub prompts_of_day: i64,
    /// The oldest of these prompts.
    pub oldest_of_day: Option<Millis>,
    /// The latest of these prompts.
    pub latest_of_day: Option<Millis>,
    /// How far the events have been read.
    pub events: PollState,
    /// The second looks over the events.
    pub looks: Vec<(SecondLook, PollState)>,
    /// The gaps in the events, the newest first.
    pub unread: Vec<Unread>,
    pub paused: Option<Paused>,
}

impl AccountStatus {
    /// Adds the prompts that a dry run would have sent to those of the day.
    pub fn with_dry_run(mut self, day: DryDay) -> Self {
        self.prompts_of_day += day.prompts;
        self.oldest_of_day = self.oldest_of_day.into_iter().chain(day.oldest).min();
        self.latest_of_day = self.latest_of_day.max(day.latest);
        self
    }
}

const LAST_CLOSES: &str = "select account, notice from \
     (select account, source, notice, closed_at, id from survey where closed_at >= $1 \
     order by closed_at desc, id desc limit $2) as newest \
     where source = $3 order by closed_at desc, id desc limit $4";

/// The most closes that are searched for those of one source.
const NEWEST: i64 = 20_000;

const ALL_TIME: Period = Period { from: Millis(i64::MIN), to: Millis(i64::MAX) };

static RESULTS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "select {}, {TOLD} from survey s left join feedback f \
         on f.account = s.account and f.id = s.feedback_id \
         where ((s.closed_at >= $1 and s.closed_at <= $2) \
         or ($3 = 1 and s.sent_at >= $1 and s.sent_at <= $2)) \
         and ($4 is null or s.account = $4) and (s.closed_at, s.id) > ($5, $6) \
         order by s.closed_at, s.id limit $7",
        row::qualified()
    )
});

/// The most surveys that are read at once. A report holds a read transaction for one page at most.
const PAGE: i64 = 1_000;

/// The columns after those of the survey itself.
pub(super) const TOLD: &str = "f.score, f.score_given_at, f.comment, f.comment_given_at, f.updated_at, \
     f.updates, s.decided, s.decision";

/// Reads a decision as it is kept. An unreadable decision gives `None` because it is only for
/// display.
pub(in crate::store) fn kept(row: &AnyRow, column: &str) -> Result<Option<Decision>> {
    let kept: Option<String> = row.try_get(column)?;
    Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
}

pub(super) fn result_row(row: &AnyRow) -> Result<ResultRow> {
    let updates: Option<String> = row.try_get("updates")?;
    Ok(ResultRow {
        survey: row::survey(row)?.0,
        told: PersonsResponse {
            score: row.try_get("score")?,
            scored_at: row.try_get("score_given_at")?,
            // An erased comment is an empty text.
            text: row.try_get::<Option<String>, _>("comment")?.filter(|text| !text.is_empty()),
            commented_at: row.try_get("comment_given_at")?,
            updated_at: row.try_get("updated_at")?,
            updates: updates.map_or(0, |all| {
                u32::try_from(all.split(' ').filter(|at| !at.is_empty()).count())
                    .unwrap_or(u32::MAX)
            }),
        },
        at_close: kept(row, "decided")?,
        at_sending: kept(row, "decision")?,
    })
}

/// Lists ids that are equal but for their spelling first, then ids that begin alike. Each group has
/// the newest first.
const SIMILAR: &str = "select account, conversation_id, \
     max(case when ltrim(lower(conversation_id), '#0 ') = $1 then 1 else 0 end) as is_equal, \
     max(closed_at) as last_closed_at \
     from survey where ltrim(lower(conversation_id), '#0 ') = $1 \
     or ($2 >= 3 and substr(lower(conversation_id), 1, $2) = $3) \
     group by account, conversation_id order by is_equal desc, last_closed_at desc, \
     account limit $4";

impl Store {
    /// Returns results in the order of their closes, page by page. The caller gives the last row of
    /// a page to get the next. An empty page is the end.
    pub async fn results(
        &self,
        query: &ResultsQuery,
        after: Option<&ResultRow>,
    ) -> Result<Vec<ResultRow>> {
        // The statement reads its index from here on. What was sent in the period may have closed
        // at any time before.
        let first = if query.or_sent { i64::MIN } else { query.from.0 };
        let (closed_at, id) =
            after.map_or((first, ""), |row| (row.survey.closed_at.0, row.survey.id.as_str()));
        let rows = sqlx::query(AssertSqlSafe(RESULTS.as_str()))
            .bind(query.from.0)
            .bind(query.to.0)
            .bind(i64::from(query.or_sent))
            .bind(query.account.as_deref())
            .bind(closed_at)
            .bind(id)
            .bind(PAGE)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(result_row).collect()
    }

    /// Lists surveys, the newest first.
    pub async fn list(&self, listing: &Listing) -> Result<Vec<Survey>> {
        let sql = format!(
            "select {} from survey where ($1 is null or state = $1) \
             and ($2 is null or account = $2) and ($3 is null or conversation_id = $3) \
             and ($4 is null or reason = $4) and ($5 is null or user_id = $5) and closed_at >= $6 \
             order by closed_at desc, id desc limit $7",
            row::COLUMNS
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(listing.state.as_deref())
            .bind(listing.account.as_deref())
            .bind(listing.conversation_id.as_deref())
            .bind(listing.reason.as_deref())
            .bind(listing.user_id.as_deref())
            .bind(listing.since.map_or(i64::MIN, |since| since.0))
            .bind(i64::from(listing.limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok(row::survey(row)?.0)).collect()
    }

    /// Returns conversations whose ids equal `id` except for case and for leading `#` and zeros.
    /// Adds conversations whose ids begin with `id`.
    pub async fn similar_conversations(
        &self,
        id: &str,
        limit: u32,
    ) -> Result<Vec<ConversationName>> {
        let small = id.to_lowercase();
        let bare = small.trim_start_matches(['#', '0', ' ']);
        // An id of zeros alone would equal every other one of that kind.
        let bare = if bare.is_empty() { small.as_str() } else { bare };
        let rows = sqlx::query(SIMILAR)
            .bind(bare)
            .bind(i32::try_from(small.chars().count()).unwrap_or(i32::MAX))
            .bind(small.as_str())
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        let named = rows.iter().map(|row| {
            Ok(ConversationName {
                account: row.try_get("account")?,
                conversation_id: row.try_get("conversation_id")?,
            })
        });
        named.collect()
    }

    /// Returns the surveys whose id begins with `beginning`, the oldest first.
    pub async fn beginning_with(&self, beginning: &str, limit: u32) -> Result<Vec<Survey>> {
        // The range lets the database use its index in any collation. Ids consist of digits and the
        // letters a to f.
        let sql = format!(
            "select {} from survey where id >= $1 and id <= $2 and substr(id, 1, $3) = $1 \
             order by id limit $4",
            row::COLUMNS
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(beginning)
            .bind(format!("{beginning}zzzz"))
            .bind(i32::try_from(beginning.chars().count()).unwrap_or(i32::MAX))
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok(row::survey(row)?.0)).collect()
    }

    /// Returns one survey with its answer.
    pub async fn survey(&self, id: &SurveyId) -> Result<Option<ResultRow>> {
        let sql = format!(
            "select {}, {TOLD} from survey s left join feedback f \
             on f.account = s.account and f.id = s.feedback_id where s.id = $1",
            row::qualified()
        );
        let row =
            sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(&self.readers).await?;
        row.as_ref().map(result_row).transpose()
    }

    /// Returns the history of a survey after its close was taken in. The steps stand in their
    /// order. Facts about closes that were no steps come before them, with the acceptance as the
    /// last.
    pub async fn history(&self, id: &SurveyId) -> Result<Vec<HistoryStep>> {
        let rows = sqlx::query(
            "select step, at, state, detail, facts from survey_history where survey_id = $1 \
             order by step limit 1000",
        )
        .bind(id.as_str())
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(HistoryStep {
                    place: row.try_get("step")?,
                    at: row.try_get("at")?,
                    state: row.try_get("state")?,
                    detail: row.try_get("detail")?,
                    decision: kept(row, "facts")?,
                })
            })
            .collect()
    }

    /// Returns the text of a survey's prompt as it was last sent.
    pub async fn message(&self, id: &SurveyId) -> Result<Option<String>> {
        let message: Option<Option<String>> =
            sqlx::query_scalar("select message from survey where id = $1")
                .bind(id.as_str())
                .fetch_optional(&self.readers)
                .await?;
        Ok(message.flatten())
    }

    /// Returns how many surveys of each account have not ended.
    pub async fn open_surveys(&self) -> Result<BTreeMap<String, i64>> {
        // Reads state by state, so that each state uses its own small index.
        let rows = sqlx::query(
            "select account, cast(sum(surveys) as bigint) as surveys from ( \
             select account, count(*) as surveys from survey where state = 'scheduled' \
             group by account \
             union all select account, count(*) from survey where state = 'sending' \
             group by account \
             union all select account, count(*) from survey where state = 'uncertain' \
             group by account) as open_ones group by account",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("account")?, row.try_get("surveys")?))).collect()
    }

    /// Returns the account and the notice of a source's last closes, at most `limit`. They closed
    /// at `since` or later and are among the newest closes on record.
    pub async fn last_closes(
        &self,
        source: &str,
        since: Millis,
        limit: u32,
    ) -> Result<Vec<(String, Notice)>> {
        let rows = sqlx::query(LAST_CLOSES)
            .bind(since.0)
            .bind(NEWEST)
            .bind(source)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        let close = |row: &AnyRow| {
            let notice: String = row.try_get("notice")?;
            let notice = serde_json::from_str(&notice);
            Ok((row.try_get("account")?, notice.map_err(|error| Error::Broken(error.to_string()))?))
        };
        rows.iter().map(close).collect()
    }

    /// Returns how many answers are on record. A score and a comment count as two.
    pub async fn answers(&self) -> Result<i64> {
        let count = sqlx::query_scalar("select count(score) + count(comment) from feedback");
        Ok(count.fetch_one(&self.readers).await?)
    }

    pub async fn account_status(&self, account: &str, since: Millis) -> Result<AccountStatus> {
        let day = sqlx::query(
            "select count(*) as prompts, min(spent_at) as oldest, max(spent_at) as latest \
             from survey where account = $1 and spent_at > $2",
        )
        .bind(account)
        .bind(since.0)
        .fetch_one(&self.readers)
        .await?;
        let mut looks = Vec::new();
        for look in SecondLook::ALL {
            looks.push((look, self.reading(account, ReadingPurpose::Second(look)).await?));
        }
        Ok(AccountStatus {
            prompts_of_day: day.try_get("prompts")?,
            oldest_of_day: day.try_get("oldest")?,
            latest_of_day: day.try_get("latest")?,
            events: self.poll_state(account).await?,
            looks,
            unread: self.unread(account, ALL_TIME).await?,
            paused: self.paused(account).await?,
        })
    }
}
