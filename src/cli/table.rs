//! Tables for terminals.

use unicode_width::UnicodeWidthStr;

/// Lines whose cells stand below each other, two blanks apart.
pub(super) fn aligned<R: AsRef<[String]>>(lines: &[R]) -> String {
    let columns = lines.iter().map(|line| line.as_ref().len()).max().unwrap_or(0);
    let width = |at: usize| lines.iter().filter_map(|line| line.as_ref().get(at)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let padded = line.as_ref().iter().zip(&widths).map(|(cell, width)| {
            let blanks = " ".repeat(width - cell.width());
            format!("{cell}{blanks}")
        });
        let joined = padded.collect::<Vec<_>>().join("  ");
        text.push_str(joined.trim_end());
        text.push('\n');
    }
    text
}
