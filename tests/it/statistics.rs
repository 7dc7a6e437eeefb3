//! Differences between two periods against statsmodels. The files beside this one hold random cases
//! and what statsmodels says of them. `tests/outside/test_differences.py` makes the files again.

use std::str::FromStr;

use surveyd::domain::summary::difference::{self, CsatCounts, Difference, NpsCounts};

/// The rows of a file by its columns. There are as many as the file was made with.
fn rows<const COLUMNS: usize>(
    file: &'static str,
    columns: [&str; COLUMNS],
) -> Vec<[&'static str; COLUMNS]> {
    let mut lines = file.lines().map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        cells.try_into().unwrap_or_else(|_| panic!("{line} has not {COLUMNS} cells"))
    });
    assert_eq!(lines.next(), Some(columns));
    let rows: Vec<_> = lines.collect();
    assert_eq!(rows.len(), 200);
    rows
}

/// Reads cells as numbers.
fn numbers<T: FromStr<Err: std::fmt::Debug>, const CELLS: usize>(
    cells: [&str; CELLS],
) -> [T; CELLS] {
    cells.map(|cell| cell.parse().unwrap())
}

/// Our 97.5 % point of the normal distribution has six decimals. That shifts the ends of an
/// interval by less than 0.00001 points.
fn assert_agrees(found: Difference, judged: [&str; 4], counts: &impl std::fmt::Debug) {
    let [points, low, high, p]: [f64; 4] = numbers(judged);
    for (name, found, wanted, tolerance) in [
        ("points", found.points, points, 1e-9),
        ("low", found.low, low, 1e-5),
        ("high", found.high, high, 1e-5),
        ("p", found.p, p, 1e-9),
    ] {
        let is_near = (found - wanted).abs() < tolerance;
        assert!(is_near, "{name} of {counts:?} is {found}, and statsmodels says {wanted}");
    }
}

#[test]
fn the_interval_of_a_csat_difference_is_that_of_statsmodels() {
    let columns = [
        "content_before",
        "answers_before",
        "content_after",
        "answers_after",
        "points",
        "low",
        "high",
        "p",
    ];
    for row in rows(include_str!("statistics/newcombe.csv"), columns) {
        let [content_before, answers_before, content_after, answers_after, judged @ ..] = row;
        let [before, after] = [[content_before, answers_before], [content_after, answers_after]]
            .map(numbers)
            .map(|[content, answers]| CsatCounts { content, answers });
        let found = difference::csat(before, after).expect("both periods have answers");
        assert_agrees(found, judged, &(before, after));
    }
}

#[test]
fn the_interval_of_an_nps_difference_follows_from_the_covariances_of_the_shares() {
    let columns = [
        "promoters_before",
        "passives_before",
        "detractors_before",
        "promoters_after",
        "passives_after",
        "detractors_after",
        "points",
        "low",
        "high",
        "p",
    ];
    for row in rows(include_str!("statistics/nps.csv"), columns) {
        let [p0, n0, d0, p1, n1, d1, judged @ ..] = row;
        let [before, after] = [[p0, n0, d0], [p1, n1, d1]]
            .map(numbers)
            .map(|[promoters, passives, detractors]| NpsCounts { promoters, passives, detractors });
        let found = difference::nps(before, after).expect("both periods have answers");
        assert_agrees(found, judged, &(before, after));
    }
}

#[test]
fn holm_calls_the_rows_that_statsmodels_calls() {
    for [p, called] in rows(include_str!("statistics/holm.csv"), ["p", "called"]) {
        let p: Vec<f64> = p.split(' ').map(|p| p.parse().unwrap()).collect();
        let called: Vec<bool> = called.split(' ').map(|called| called == "1").collect();
        assert_eq!(difference::holm(&p), called, "{p:?}");
    }
}
