//! The placeholders and the rows of statements that have many values.

use std::fmt::Write as _;

use sqlx::AnyConnection;

/// Gives out the placeholders of one statement, in the order in which its values are bound.
///
/// SQLite looks up every `$1` among all the names before it, once to prepare and again at each
/// binding. Beyond a thousand names that costs more than the work. A plain `?` has no name but
/// PostgreSQL does not accept it.
pub struct Places {
    named: bool,
    given: usize,
}

impl Places {
    pub fn of(connection: &AnyConnection) -> Self {
        Self { named: connection.backend_name() == "PostgreSQL", given: 0 }
    }

    /// Returns the next placeholder.
    pub fn one(&mut self) -> String {
        let mut place = String::new();
        self.write(&mut place);
        place
    }

    /// Returns the next placeholders as a row: `(?,?)`.
    pub fn row(&mut self, places: usize) -> String {
        self.rows(1, places)
    }

    /// Returns the next placeholders as rows: `(?,?),(?,?)`.
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

    /// Returns an expression that selects all rows as one JSON text with an array for each.
    /// Otherwise SQLite's thread would hand over row by row, and sqlx copies each value four times.
    pub fn json(&self, columns: &str) -> String {
        match self.named {
            true => format!("cast(json_agg(json_build_array({columns})) as text)"),
            false => format!("json_group_array(json_array({columns}))"),
        }
    }

    /// Returns a table with the column `value`: the elements of the JSON array that is bound to the
    /// next placeholder. `value ->> 0` is the first value of an element that is an array.
    pub fn elements(&mut self) -> String {
        let place = self.one();
        match self.named {
            true => format!("json_array_elements(cast({place} as json)) as elements (value)"),
            false => format!("json_each({place}) as elements"),
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

/// The most rows that are asked for at once. SQLite's thread hands them over through a channel of
/// this length. With more rows the thread and the reader would wake each other for each one.
pub const ROWS_MAX: usize = 50;

/// Returns the size of the statement that takes `rows` of at most `most` rows. Only a few sizes
/// occur and each is prepared once. Preparing costs as much as the work, and so does each place
/// that stays unused. The sizes are the powers of two and the numbers halfway between them.
pub fn size(rows: usize, most: usize) -> usize {
    let power = rows.next_power_of_two();
    let halfway = power / 4 * 3;
    (if 0 < halfway && rows <= halfway { halfway } else { power }).min(most)
}

/// A statement whose values are being bound.
pub type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

/// Binds keys to a list of their [`size`]. The unused places repeat the last key.
pub fn bind_all<'q>(query: Query<'q>, keys: &[&'q str], most: usize) -> Query<'q> {
    let last = keys.len() - 1;
    (0..size(keys.len(), most)).fold(query, |query, place| query.bind(keys[place.min(last)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_room_and_little_of_it_is_left() {
        let sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 17, 40, 50, 100].map(|rows| size(rows, 100));
        assert_eq!(sizes, [1, 2, 3, 4, 6, 6, 8, 8, 12, 16, 24, 48, 64, 100]);
        assert_eq!(size(0, 100), 1);
    }
}
