//! Medians with their spread.

/// The median with the least and the greatest.
pub fn spread(mut figures: Vec<f64>, digits: usize) -> String {
    figures.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (figures.first(), figures.last()) else { return "-".into() };
    let middle = within(&figures, 0.5);
    format!("{middle:.digits$} [{min:.digits$}..{max:.digits$}]")
}

/// What a share of the figures, which stand in order, stays within.
pub fn within(figures: &[f64], share: f64) -> f64 {
    let last = figures.len().saturating_sub(1);
    figures.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
}
