//! Lists of surveys for one view, page by page.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sqlx::Row as _;

use super::conditions::{Conditions, Value, has_a_tag};
use super::reads::{ResultRow, TOLD, result_row};
use crate::domain::time::Millis;
use crate::domain::view::{Filter, View};
use crate::store::survey::row;
use crate::store::{Result, Store};

/// What a list is of, and its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The comments on prompts that were sent in the period, the newest first. Tests are left out.
    Comments,
    /// The surveys whose conversation closed in the period, the newest first.
    Newest,
    /// The same surveys, the oldest first.
    Oldest,
}

/// Where a list goes on: behind the survey of that instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub at: Millis,
    pub survey_id: String,
}

impl Place {
    /// Reads what [`Place::text`] wrote: `1795334400000,0193…`.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, survey_id) = text.split_once(',')?;
        let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let is_id = !survey_id.is_empty() && survey_id.chars().all(is_id);
        let place = Self { at: Millis(at.parse().ok()?), survey_id: survey_id.to_owned() };
        is_id.then_some(place)
    }

    pub fn text(&self) -> String {
        format!("{},{}", self.at.0, self.survey_id)
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub rows: Vec<ResultRow>,
    /// Where the next page begins. `None` if this is the last.
    pub next: Option<Place>,
}

static COLUMNS: LazyLock<String> =
    LazyLock::new(|| format!("{}, {TOLD}, r.tags as tagged", row::qualified()));

impl Store {
    /// Returns a page of at most `limit` surveys behind `after`.
    pub async fn listed(
        &self,
        view: &View,
        list: List,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Page> {
        let mut conditions = Conditions::default();
        let (column, order, sign) = match list {
            List::Comments => ("commented_at", "desc", "<"),
            List::Newest => ("closed_at", "desc", "<"),
            List::Oldest => ("closed_at", "asc", ">"),
        };
        let (from, to) = (view.period.from.0, view.period.to.0);
        match list {
            List::Comments => comments_of(&mut conditions, view),
            List::Newest | List::Oldest => conditions.between("r.closed_at", from, to),
        }
        conditions.of_view(view, "r.");
        if let (Some(mood), Some(kind)) = (view.mood, view.kind) {
            let scores = mood.scores(kind);
            conditions.between("r.score", (*scores.start()).into(), (*scores.end()).into());
        }
        if let (Some(state), List::Newest | List::Oldest) = (view.state, list) {
            conditions.is("s.state", state);
        }
        if let Some(after) = after {
            let at = conditions.place(Value::Number(after.at.0));
            let id = conditions.place(Value::Text(after.survey_id.clone()));
            conditions.sql.push(format!("(r.{column}, r.survey_id) {sign} ({at}, {id})"));
        }
        let (all, most) = (conditions.all(), conditions.place(Value::Number(i64::from(limit) + 1)));
        let sql = format!(
            "select {} from result r join survey s on s.id = r.survey_id \
             left join feedback f on f.account = s.account and f.id = s.feedback_id \
             where {all} order by r.{column} {order}, r.survey_id {order} limit {most}",
            *COLUMNS
        );
        let mut found = conditions.rows(self, sql).await?;
        let has_more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let mut page = Page { rows: Vec::with_capacity(found.len()), next: None };
        for (place, row) in found.iter().enumerate() {
            let is_last = place + 1 == found.len();
            let read = result_row(row)?;
            if is_last && has_more {
                let at = match list {
                    List::Comments => read.told.commented_at.unwrap_or_default(),
                    List::Newest | List::Oldest => read.survey.closed_at,
                };
                page.next = Some(Place { at, survey_id: read.survey.id.to_string() });
            }
            let tagged: Option<String> = row.try_get("tagged")?;
            let tags = view.filters.get(Filter::Tag);
            if tags.map_or(Ok(true), |tags| has_a_tag(tagged.as_deref(), tags))? {
                page.rows.push(read);
            }
        }
        Ok(page)
    }

    /// Returns the surveys of one conversation at these accounts, the newest first.
    pub async fn of_conversation(
        &self,
        accounts: impl IntoIterator<Item = String>,
        conversation_id: &str,
        limit: u32,
    ) -> Result<Vec<ResultRow>> {
        let mut conditions = Conditions::default();
        // The index begins with the account.
        conditions.one_of("s.account", accounts);
        conditions.is("s.conversation_id", conversation_id);
        let (all, most) = (conditions.all(), conditions.place(Value::Number(limit.into())));
        let sql = format!(
            "select {}, {TOLD} from survey s left join feedback f \
             on f.account = s.account and f.id = s.feedback_id \
             where {all} order by s.closed_at desc, s.id desc limit {most}",
            row::qualified()
        );
        conditions.rows(self, sql).await?.iter().map(result_row).collect()
    }

    /// Returns how many comments of the view came with each score. `None` stands for comments
    /// without one. A view of tags finds a few too many, so it is not counted at all.
    pub async fn comments_by_score(
        &self,
        view: &View,
    ) -> Result<Option<BTreeMap<Option<i64>, u64>>> {
        if view.filters.get(Filter::Tag).is_some() {
            return Ok(None);
        }
        let mut conditions = Conditions::default();
        comments_of(&mut conditions, view);
        conditions.of_view(view, "r.");
        let sql = format!(
            "select r.score as score, count(*) as comments from result r where {} \
             group by r.score",
            conditions.all()
        );
        let mut counts = BTreeMap::new();
        for row in &conditions.rows(self, sql).await? {
            let comments: i64 = row.try_get("comments")?;
            counts.insert(row.try_get("score")?, u64::try_from(comments).unwrap_or(0));
        }
        Ok(Some(counts))
    }
}

/// The comments on prompts that were sent in the view's period.
fn comments_of(conditions: &mut Conditions, view: &View) {
    let (from, to) = (view.period.from.0, view.period.to.0);
    conditions.sql.push("r.test = 0 and r.commented_at is not null".to_owned());
    // The sign keeps the engine from the index of `sent_at`. By that one it would sort all comments
    // of the period to find the newest few.
    conditions.between("+r.sent_at", from, to);
    let from = conditions.place(Value::Number(from));
    conditions.sql.push(format!("r.commented_at >= {from}"));
}
