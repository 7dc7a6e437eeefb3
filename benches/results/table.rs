//! The table of one size on one engine.

use std::time::Duration;

/// One line of it.
pub struct Line {
    pub name: &'static str,
    /// What each build took, in milliseconds, round by round.
    pub builds: Vec<Vec<f64>>,
    /// The size of each build's last answer.
    pub bytes: Vec<usize>,
    /// In place of the size.
    pub sizes: Vec<String>,
    pub note: String,
}

impl Line {
    pub fn new(name: &'static str) -> Self {
        let (builds, bytes, sizes) = Default::default();
        Self { name, builds, bytes, sizes, note: String::new() }
    }

    /// Adds what the next build took for so many surveys.
    pub fn add(&mut self, took: Duration, surveys: u64) {
        let rate = grouped(surveys as f64 / took.as_secs_f64());
        let also = if self.note.is_empty() { "" } else { ", " };
        self.note.push_str(&format!("{also}{rate} surveys/s"));
        self.builds.push(vec![milliseconds(took)]);
    }
}

pub fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// The nearest rank: what such a share of the figures stays within.
pub fn within(figures: &[f64], share: f64) -> Option<f64> {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let rank = (share * figures.len() as f64).ceil() as usize;
    figures.get(rank.max(1) - 1).copied()
}

pub fn median(figures: &[f64]) -> f64 {
    within(figures, 0.5).unwrap_or(f64::NAN)
}

/// A whole number with its thousands parted.
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints the lines in columns. A second build has columns of its own, and one for how long it took
/// for each second of the first: the median of the rounds.
pub fn print(title: &str, names: &[&str], lines: &[Line]) {
    let mut head = vec![String::new()];
    for name in names {
        let of = if names.len() > 1 { format!("{name}: ") } else { String::new() };
        head.extend([format!("{of}median ms"), "p95 ms".to_owned(), "KiB".to_owned()]);
    }
    head.extend((names.len() > 1).then(|| format!("{}/{}", names[1], names[0])));
    head.push(String::new());
    let rows = lines.iter().map(|line| row(line, names.len()));
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let last = rows[0].len() - 1;
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..last).filter_map(width).collect();
    println!("\n{title}\n");
    for row in &rows {
        let mut text = format!("{:<1$}", row[0], widths[0]);
        for (cell, width) in row[1..last].iter().zip(&widths[1..]) {
            text.push_str(&format!("  {cell:>width$}"));
        }
        println!("{}", format!("{text}  {}", row[last]).trim_end());
    }
}

fn row(line: &Line, builds: usize) -> Vec<String> {
    let mut row = vec![line.name.to_owned()];
    let shown = |figure: f64| format!("{figure:.1}");
    for build in 0..builds {
        let figures = line.builds.get(build).map_or(&[][..], Vec::as_slice);
        let is_spread = figures.len() > 1;
        row.push(within(figures, 0.5).map(shown).unwrap_or_default());
        row.push(within(figures, 0.95).filter(|_| is_spread).map(shown).unwrap_or_default());
        let bytes = line.bytes.get(build).map(|bytes| shown(*bytes as f64 / 1_024.0));
        row.push(bytes.or(line.sizes.get(build).cloned()).unwrap_or_default());
    }
    if builds > 1 {
        row.push(match line.builds.as_slice() {
            [one, other] => {
                let ratios: Vec<f64> = one.iter().zip(other).map(|(a, b)| b / a).collect();
                within(&ratios, 0.5).map(|ratio| format!("{ratio:.2}")).unwrap_or_default()
            }
            _ => String::new(),
        });
    }
    row.push(line.note.clone());
    row
}
