//! The selected run beside another one at the same place: "+2.1 points over `base` at step 400".

use super::App;
use super::plot::{Line, Plot};
use crate::jobs::Smoothing;
use crate::run::RunName;

/// How the selected run stands against the base, the first of the marked runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ghost<'a> {
    pub base: &'a RunName,
    pub metric: &'a str,
    /// Where on the axis both are read: at the reading line, else where the one that is behind has come to.
    pub at: f64,
    /// The run's value less the base's.
    pub difference: f64,
    pub is_share: bool,
    /// None for a metric without a better end.
    pub is_better: Option<bool>,
    /// Both are moving averages: single steps differ by chance.
    pub is_smoothed: bool,
}

impl App {
    /// None without a marked run beside the selected one, or where they have no metric in common.
    pub fn ghost<'a>(&self, plot: &Plot<'a>) -> Option<Ghost<'a>> {
        let [selected, base] = self.runs.in_focus()[..].first_chunk::<2>()?.map(|run| &run.name);
        let of = |run: &RunName| plot.lines.iter().filter(|line| line.run == run).collect::<Vec<_>>();
        let bases = of(base);
        let pair = |own: &Line<'a>| bases.iter().find(|other| other.metric == own.metric).map(|other| (*own, **other));
        let (own, base) = of(selected).into_iter().find_map(pair)?;
        let reach = |line: &Line<'a>| line.series.last().map(|point| point.at(plot.axis));
        let met = reach(&own)?.min(reach(&base)?);
        let at = plot.cursor.map_or(met, |cursor| cursor.min(met));
        let smoothing = if own.is_per_epoch() { Smoothing::NONE } else { plot.smoothing };
        let value = |line: &Line<'a>| {
            let at = line.logged_at(plot.axis, Some(at))?;
            line.series.smoothed(at..at + 1, smoothing).next().flatten().map(f64::from)
        };
        let difference = value(&own)? - value(&base)?;
        let higher = own.history.higher_is_better(own.metric).filter(|_| difference != 0.0);
        Some(Ghost {
            base: base.run,
            metric: own.metric,
            at,
            difference,
            is_share: own.is_share(),
            is_better: higher.map(|higher| higher == (difference > 0.0)),
            is_smoothed: smoothing != Smoothing::NONE,
        })
    }
}
