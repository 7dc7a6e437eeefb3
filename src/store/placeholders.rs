//! The places of a statement's values and the form of its rows, in statements that have many.

use std::fmt::Write as _;

use sqlx::AnyConnection;

/// Gives out the places of one statement, in the order in which its values are bound.
///
/// SQLite looks every `$1` up among all the names before it, at the preparing and again at each
/// binding, which costs more than the work once there are a thousand; a mere `?` has no name, but
/// PostgreSQL does not read it.
pub struct Places {
    named: bool,
    given: usize,
}

impl Places {
    pub fn of(connection: &AnyConnection) -> Self {
        Self { named: connection.backend_name() == "PostgreSQL", given: 0 }
    }

    /// The next one.
    pub fn one(&mut self) -> String {
        let mut place = String::new();
        self.write(&mut place);
        place
    }

    /// The next ones, as a row: `(?,?)`.
    pub fn row(&mut self, places: usize) -> String {
        self.rows(1, places)
    }

    /// The next ones, as rows: `(?,?),(?,?)`.
    pub fn rows(&mut self, rows: usize, places: usize) -> String {
        let mut text = String::new();
        for row in 0..rows {
            text.push_str(if row > 0 { ",(" } else { "(" });
            for place in 0..places {
                text.push_str(if place > 0 { "," } else { "" });
                self.write(&mut text);
            }
            text.push(')');
        }
        text
    }

    /// What a statement selects to hand all its rows over as one JSON text, an array for each:
    /// SQLite's thread hands over row by row, and sqlx copies each of their values four times.
    pub fn json(&self, columns: &str) -> String {
        match self.named {
            true => format!("cast(json_agg(json_build_array({columns})) as text)"),
            false => format!("json_group_array(json_array({columns}))"),
        }
    }

    fn write(&mut self, text: &mut String) {
        self.given += 1;
        if self.named {
            let _ = write!(text, "${}", self.given);
        } else {
            text.push('?');
        }
    }
}

/// Rows asked for at once. SQLite's thread hands them over through a channel that holds as many;
/// with more, it and the reader would wake each other for every one.
pub const ROWS_MAX: usize = 50;

/// For how many rows a statement is made that is to take `rows` of at most `most`: few sizes, so
/// that each is prepared but once, for preparing costs as much as the work.
pub fn size(rows: usize, most: usize) -> usize {
    rows.next_power_of_two().min(most)
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

/// Binds keys to a list of their [`size`]; the places left over ask for the last one again.
pub fn bind_all<'q>(query: Query<'q>, keys: &[&'q str], most: usize) -> Query<'q> {
    let last = keys.len() - 1;
    (0..size(keys.len(), most)).fold(query, |query, place| query.bind(keys[place.min(last)]))
}
