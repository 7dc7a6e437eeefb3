//! Writes tables of aligned columns. On a terminal a table fits the width. Columns are first cut
//! and then left out in an order that the table gives.

use super::{Colour, OutputStyle};
use crate::columns;
use crate::domain::plain_text::printable;

/// The kind of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CellKind {
    Text,
    Number,
    /// Shown as its distance from now.
    Instant,
    /// A survey's state.
    State,
    /// Broken into lines where there is no room, because no word of it may be lost.
    Sentence,
}

/// A column and how it gives way if there is no room.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    head: &'static str,
    kind: CellKind,
    /// The fewest characters that the column is cut to. `None` if it is not cut.
    least: Option<usize>,
    /// True if the column must stay wide enough for all cells to differ.
    is_id: bool,
    /// The column's place in the order of leaving out. `None` if it always stays.
    given_up: Option<u8>,
}

/// The fewest characters of a broken sentence's lines.
const SENTENCE_MIN: usize = 24;
/// The fewest characters of an id.
const ID_MIN: usize = 8;
/// The fewest characters in which the rest of a column still makes sense.
const FITTING_MIN: usize = 4;
/// The space between two columns.
const GAP: usize = 2;

impl Column {
    const fn of(head: &'static str, kind: CellKind) -> Self {
        Self { head, kind, least: None, is_id: false, given_up: None }
    }

    pub const fn text(head: &'static str) -> Self {
        Self::of(head, CellKind::Text)
    }

    pub const fn number(head: &'static str) -> Self {
        Self::of(head, CellKind::Number)
    }

    pub const fn instant(head: &'static str) -> Self {
        Self::of(head, CellKind::Instant)
    }

    pub const fn state(head: &'static str) -> Self {
        Self::of(head, CellKind::State)
    }

    pub const fn sentence(head: &'static str) -> Self {
        Self { least: Some(SENTENCE_MIN), ..Self::of(head, CellKind::Sentence) }
    }

    /// An id whose beginning is enough.
    pub const fn id(head: &'static str) -> Self {
        Self { least: Some(ID_MIN), is_id: true, ..Self::of(head, CellKind::Text) }
    }

    /// Allows the column to be cut to `least` characters.
    pub const fn cut_to(self, least: usize) -> Self {
        Self { least: Some(least), ..self }
    }

    /// Allows the column to be left out. The column with the lowest place goes first.
    pub const fn given_up(self, place: u8) -> Self {
        Self { given_up: Some(place), ..self }
    }
}

/// Returns the table as text. Each line has its end.
pub fn table(style: &OutputStyle, columns: &[Column], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.iter().zip(columns).map(|(cell, column)| told(style, column, cell)).collect()
        })
        .collect();
    let (shown, widths) = laid_out(style, columns, &rows);
    let mut text = String::new();
    let heads: Vec<String> = columns.iter().map(|column| column.head.to_owned()).collect();
    line(style, columns, (&shown, &widths), &heads, true, &mut text);
    for row in &rows {
        line(style, columns, (&shown, &widths), row, false, &mut text);
    }
    text
}

fn told(style: &OutputStyle, column: &Column, cell: &str) -> String {
    match column.kind {
        CellKind::Instant => style.instant(&printable(cell)),
        CellKind::Sentence => style.sentence(&printable(cell)),
        CellKind::Text | CellKind::Number | CellKind::State => printable(cell),
    }
}

/// Returns the places of the columns shown and their widths.
fn laid_out(
    style: &OutputStyle,
    columns: &[Column],
    rows: &[Vec<String>],
) -> (Vec<usize>, Vec<usize>) {
    let is_empty = |place: usize| rows.iter().all(|row| row[place].is_empty());
    let mut shown: Vec<usize> = (0..columns.len())
        .filter(|place| !(style.is_terminal && !rows.is_empty() && is_empty(*place)))
        .collect();
    loop {
        let natural = |place: &usize| {
            let cells = rows.iter().map(|row| columns::width(&row[*place]));
            cells.chain([columns::width(columns[*place].head)]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = shown.iter().map(natural).collect();
        let Some(page) = style.width else { return (shown, widths) };
        let least: Vec<usize> = shown
            .iter()
            .zip(&widths)
            .map(|(place, width)| least(&columns[*place], rows, *place).min(*width))
            .collect();
        let taken = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * (widths.len() - 1);
        while taken(&widths) > page {
            let spare = |at: &usize| widths[*at] - least[*at];
            let Some(widest) = (0..widths.len()).filter(|at| spare(at) > 0).max_by_key(spare)
            else {
                break;
            };
            widths[widest] -= 1;
        }
        let given_up = shown.iter().filter_map(|place| Some((columns[*place].given_up?, *place)));
        match given_up.min().filter(|_| style.is_terminal && taken(&widths) > page) {
            Some((_, place)) => shown.retain(|shown| *shown != place),
            None if style.is_terminal => return within(page, shown, widths),
            None => return (shown, widths),
        }
    }
}

/// Cuts off what the page has no room for when no more columns may be left out.
fn within(page: usize, shown: Vec<usize>, widths: Vec<usize>) -> (Vec<usize>, Vec<usize>) {
    let mut room = page;
    let fitting = shown.into_iter().zip(widths).map_while(|(place, width)| {
        let fitting = width.min(room);
        room = room.saturating_sub(fitting + GAP);
        (fitting == width || fitting >= FITTING_MIN).then_some((place, fitting))
    });
    fitting.unzip()
}

/// Returns the fewest columns of the terminal that a table's column needs.
fn least(column: &Column, rows: &[Vec<String>], place: usize) -> usize {
    let Some(least) = column.least else { return usize::MAX };
    if !column.is_id {
        return least.max(columns::width(column.head));
    }
    let mut ids: Vec<&str> = rows.iter().map(|row| row[place].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let common =
        |two: &[&str]| two[0].chars().zip(two[1].chars()).take_while(|(a, b)| a == b).count();
    let same = ids.windows(2).map(common).max().unwrap_or(0);
    // This is the part that makes the ids differ and the sign that they go on.
    least.max(same + 1) + 1
}

/// Writes one row. A broken sentence makes it several lines.
fn line(
    style: &OutputStyle,
    columns: &[Column],
    (shown, widths): (&[usize], &[usize]),
    cells: &[String],
    is_head: bool,
    text: &mut String,
) {
    let parts: Vec<Vec<String>> = shown
        .iter()
        .zip(widths)
        .map(|(place, width)| match columns[*place].kind {
            CellKind::Sentence if style.is_terminal => columns::fold(&cells[*place], *width),
            _ => vec![columns::cut(&cells[*place], *width)],
        })
        .collect();
    for row in 0..parts.iter().map(Vec::len).max().unwrap_or(1) {
        let mut line = String::new();
        for ((place, width), part) in shown.iter().zip(widths).zip(&parts) {
            let cell = part.get(row).map_or("", String::as_str);
            let space = " ".repeat(width.saturating_sub(columns::width(cell)));
            let painted = match (is_head, columns[*place].kind) {
                (true, _) => style.paint(Colour::Bold, cell),
                (false, CellKind::State) => style.paint_state(cell),
                (false, _) => cell.to_owned(),
            };
            line += &match columns[*place].kind {
                CellKind::Number => space + &painted,
                _ => painted + &space,
            };
            line += &" ".repeat(GAP);
        }
        *text += line.trim_end();
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 5] = [
        Column::id("survey"),
        Column::text("who").cut_to(6).given_up(1),
        Column::state("state"),
        Column::text("reason").cut_to(6),
        Column::sentence("why"),
    ];

    fn rows(reason: &str) -> Vec<Vec<String>> {
        let row = |id: &str, who: &str| {
            let why = "throttled: prompted 3 days ago, throttle 7 d";
            [id, who, "sent", reason, why].map(str::to_owned).to_vec()
        };
        vec![row("019a2b3c4d5e6f", "山田太郎"), row("019a2b3c4d99ff", "Ana")]
    }

    fn of_width(width: usize) -> OutputStyle {
        OutputStyle { width: Some(width), is_terminal: true, ..OutputStyle::PLAIN }
    }

    #[test]
    fn programs_get_every_column_whole() {
        let expected = "\
survey          who       state  reason  why
019a2b3c4d5e6f  山田太郎  sent           throttled: prompted 3 days ago, throttle 7 d
019a2b3c4d99ff  Ana       sent           throttled: prompted 3 days ago, throttle 7 d
";
        assert_eq!(table(&OutputStyle::PLAIN, &COLUMNS, &rows("")), expected);
    }

    #[test]
    fn a_terminal_gets_what_fits_and_no_empty_column() {
        let expected = "\
survey          who       state  why
019a2b3c4d5e6f  山田太郎  sent   throttled: prompted 3 days
                                 ago, throttle 7 d
019a2b3c4d99ff  Ana       sent   throttled: prompted 3 days
                                 ago, throttle 7 d
";
        assert_eq!(table(&of_width(60), &COLUMNS, &rows("")), expected);
        let expected = "\
survey        state  reason  why
019a2b3c4d5…  sent   throt…  throttled: prompted 3
                             days ago, throttle 7 d
019a2b3c4d9…  sent   throt…  throttled: prompted 3
                             days ago, throttle 7 d
";
        assert_eq!(table(&of_width(53), &COLUMNS, &rows("throttled")), expected);
    }

    #[test]
    fn no_line_is_ever_wider_than_the_terminal() {
        for width in 20..120 {
            let text = table(&of_width(width), &COLUMNS, &rows("throttled"));
            for line in text.lines() {
                assert!(columns::width(line) <= width, "{width}: {line}");
            }
        }
    }
}
