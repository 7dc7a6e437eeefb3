//! Shows the life of a survey as a table, for `explain` and `surveys show`.

pub use crate::results::history::{Entry, entries, numbers, said};
use crate::terminal::table::Column;

/// The columns of [`cells`].
pub const COLUMNS: [Column; 3] =
    [Column::instant("at"), Column::state("state"), Column::sentence("detail")];

/// Returns the entries as rows of a table.
pub fn cells(entries: Vec<Entry>) -> Vec<Vec<String>> {
    let cells =
        |entry: Entry| vec![entry.at.rfc3339(), entry.state, entry.detail.unwrap_or_default()];
    entries.into_iter().map(cells).collect()
}
