//! Reads what supervisors get. It stands between the store and every form of the results.
//!
//! [`each`] reads the results row by row. [`facts`] turns them into what reports count. [`COLUMNS`]
//! is the one table of what a row shows, from which every file is written.
//!
//! Nothing is computed or written here. `domain::summary` computes the numbers and `report` writes
//! them.

mod columns;
mod facts;
/// The life of a survey, line by line.
pub mod history;
mod reading;

pub use self::{
    columns::{COLUMNS, ColumnType, ColumnValue, ExportColumn},
    facts::facts,
    reading::Reading,
};
pub use crate::store::{Error, KnownNames, List, ResultRow, ResultsQuery};
use crate::store::{Result, Store};

/// Gives each result that `query` finds to `take`, in the order of their closes. At most one page
/// of them is in memory.
pub async fn each<E: From<crate::store::Error>>(
    store: &Store,
    query: &ResultsQuery,
    mut take: impl FnMut(&ResultRow) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let mut last = None;
    loop {
        let page: Result<Vec<ResultRow>> = store.results(query, last.as_ref()).await;
        let page = page?;
        for row in &page {
            take(row)?;
        }
        match page.into_iter().next_back() {
            Some(row) => last = Some(row),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod samples;
