//! The figures of a run: medians with their spread, and ratios of cells that stood side by side.

use std::time::Duration;

use crate::Arguments;

/// One side, measured once.
pub struct Cell {
    pub per_second: f64,
    /// The latency of each close, in order.
    pub micros: Vec<u32>,
    /// The server's resident memory before and after, in KiB.
    pub memory: Option<(u64, u64)>,
    /// The time that the server had on the processors.
    pub processor: Option<Duration>,
}

impl Cell {
    pub fn new(took: Duration, mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let per_second = micros.len() as f64 / took.as_secs_f64();
        Self { per_second, micros, memory: None, processor: None }
    }

    /// What one close costs the server, in microseconds of a processor.
    fn cost(&self) -> Option<f64> {
        Some(self.processor?.as_secs_f64() * 1e6 / self.micros.len() as f64)
    }

    /// The latency in milliseconds that a share of the closes stays within.
    fn within(&self, share: f64) -> f64 {
        let last = self.micros.len().saturating_sub(1);
        let place = (share * last as f64).round() as usize;
        self.micros.get(place).map_or(0.0, |micros| f64::from(*micros) / 1e3)
    }
}

/// One side, round by round.
pub struct Column {
    pub letter: char,
    pub name: &'static str,
    pub cells: Vec<Cell>,
}

impl Column {
    pub fn new(letter: char, name: &'static str) -> Self {
        Self { letter, name, cells: Vec::new() }
    }

    fn spread(&self, figure: impl Fn(&Cell) -> Option<f64>, digits: usize) -> String {
        spread(self.cells.iter().filter_map(figure).collect(), digits)
    }
}

pub fn print(columns: &[Column], arguments: &Arguments) {
    let measured: Vec<&Column> = columns.iter().filter(|c| !c.cells.is_empty()).collect();
    println!(
        "\nclosed conversations taken in, {} connections, {} rounds of {} s: median [min..max]\n",
        arguments.connections, arguments.rounds, arguments.seconds
    );
    println!(
        "{:34}{:>22}{:>22}{:>24}{:>16}{:>12}",
        "", "closes/s", "p50 ms", "p99 ms", "CPU µs/close", "RSS MiB"
    );
    for column in &measured {
        let mebibytes = |kib: u64| kib as f64 / 1024.0;
        let memory = match column.cells.last().and_then(|cell| cell.memory) {
            Some((before, after)) => format!("{:.1}→{:.1}", mebibytes(before), mebibytes(after)),
            None => String::new(),
        };
        println!(
            "{} {:32}{:>22}{:>22}{:>24}{:>16}{memory:>12}",
            column.letter,
            column.name,
            column.spread(|cell| Some(cell.per_second), 0),
            column.spread(|cell| Some(cell.within(0.50)), 2),
            column.spread(|cell| Some(cell.within(0.99)), 2),
            column.spread(Cell::cost, 0),
        );
    }
    println!();
    let side = |letter| measured.iter().find(|column| column.letter == letter);
    for (of, to) in [('A', 'B'), ('A', 'C'), ('A', 'D'), ('F', 'A'), ('F', 'C'), ('A', 'O')] {
        let (Some(of), Some(to)) = (side(of), side(to)) else { continue };
        let pairs = of.cells.iter().zip(&to.cells);
        let ratios = pairs.map(|(a, b)| a.per_second / b.per_second).collect();
        println!("{}/{}: {}", of.letter, to.letter, spread(ratios, 2));
    }
}

/// The median with the least and the greatest.
pub fn spread(mut figures: Vec<f64>, digits: usize) -> String {
    let middle = median(&mut figures);
    match (figures.first(), figures.last()) {
        (Some(min), Some(max)) => {
            format!("{middle:.digits$} [{min:.digits$}..{max:.digits$}]")
        }
        _ => "-".into(),
    }
}

/// The middle one of the figures, which it puts in order.
pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => figures[n / 2],
        n => f64::midpoint(figures[n / 2 - 1], figures[n / 2]),
    }
}
