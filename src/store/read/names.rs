//! The names that results have: what a view can be narrowed down to.

use std::collections::BTreeSet;

use sqlx::Row as _;

use crate::domain::survey_type::SurveyType;
use crate::domain::view::Filter;
use crate::store::results::days::Dimension;
use crate::store::{Result, Store};

/// Names that occur together in results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTogether {
    pub account: String,
    pub team: Option<String>,
    pub kind: SurveyType,
    pub language: Option<String>,
}

/// Each survey counts in every dimension, so that of the languages has all accounts and teams. It
/// gives nothing while totals are missing.
const OF_DAYS: &str = "select distinct account, team, kind, key from day_total \
     where dim = 'language' and exists (select 1 from result_state where mark_from is null) \
     and not exists (select 1 from result_day where made = 0)";

/// The same from single results. It reads all of them.
const OF_RESULTS: &str = "select distinct account, coalesce('=' || team, '') as team, kind, \
     coalesce('=' || language, '') as key from result where test = 0";

/// The values of a column of the totals of a dimension.
const VALUES: [&str; 3] = [
    "select distinct account as value from day_total where dim = $1",
    "select distinct team as value from day_total where dim = $1",
    "select distinct key as value from day_total where dim = $1",
];

impl Store {
    /// Returns every value that a filter can find in the totals of days, but for the empty one.
    pub async fn values_of(&self, filter: Filter) -> Result<BTreeSet<String>> {
        let [accounts, teams, keys] = VALUES;
        let (sql, dimension) = match filter {
            Filter::Account => (accounts, Dimension::Whole),
            Filter::Team => (teams, Dimension::Whole),
            Filter::Agent => (keys, Dimension::Agent),
            Filter::Tag => (keys, Dimension::Tags),
            Filter::Language => (keys, Dimension::Language),
            Filter::Source => (keys, Dimension::Source),
            Filter::Rule => (keys, Dimension::Rule),
            Filter::Variant => (keys, Dimension::Variant),
        };
        let rows = sqlx::query(sql).bind(dimension.as_str()).fetch_all(&self.readers).await?;
        let mut values = BTreeSet::new();
        for row in &rows {
            let value: String = row.try_get("value")?;
            match (filter, value.strip_prefix('=')) {
                (Filter::Account, _) => values.extend([value]),
                (_, None) => {}
                (Filter::Tag, Some(tags)) => {
                    // Tags that cannot be read name none.
                    values.extend(serde_json::from_str::<Vec<String>>(tags).unwrap_or_default());
                }
                (_, Some(key)) => values.extend([key.to_owned()]),
            }
        }
        values.remove("");
        Ok(values)
    }

    /// Returns all accounts, teams, types and languages that occur together in results.
    pub async fn names(&self) -> Result<Vec<NamedTogether>> {
        let mut rows = sqlx::query(OF_DAYS).fetch_all(&self.readers).await?;
        if rows.is_empty() {
            rows = sqlx::query(OF_RESULTS).fetch_all(&self.readers).await?;
        }
        let mut names = Vec::with_capacity(rows.len());
        for row in &rows {
            let (team, key): (String, String) = (row.try_get("team")?, row.try_get("key")?);
            let kind: String = row.try_get("kind")?;
            let Some(kind) = SurveyType::parse(&kind) else { continue };
            names.push(NamedTogether {
                account: row.try_get("account")?,
                team: team.strip_prefix('=').map(str::to_owned),
                kind,
                language: key.strip_prefix('=').map(str::to_owned),
            });
        }
        Ok(names)
    }
}

/// The names that somebody may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownNames {
    pub kinds: BTreeSet<SurveyType>,
    pub accounts: BTreeSet<String>,
    pub teams: BTreeSet<String>,
    pub languages: BTreeSet<String>,
}

impl KnownNames {
    /// Gathers the names of results within the limits of accounts and teams.
    pub fn within(
        all: impl IntoIterator<Item = NamedTogether>,
        accounts: Option<&BTreeSet<String>>,
        teams: Option<&BTreeSet<String>>,
    ) -> Self {
        let mut known = Self::default();
        for name in all {
            let is_of_team = |teams: &BTreeSet<String>| {
                name.team.as_ref().is_some_and(|team| teams.contains(team))
            };
            let is_seen = accounts.is_none_or(|accounts| accounts.contains(&name.account))
                && teams.is_none_or(is_of_team);
            if is_seen {
                known.kinds.insert(name.kind);
                known.accounts.insert(name.account);
                known.teams.extend(name.team);
                known.languages.extend(name.language);
            }
        }
        known
    }
}
