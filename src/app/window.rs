//! The part of an axis that a chart shows, and how it is zoomed and moved.

/// No zoom shows less than this share of the whole: a few points of a long log.
const NARROWEST: f64 = 1e-4;

/// From `low` to `high` in units of the axis. Places on it are shares of its length: 0 at the left edge, 1 at the right
/// one, beyond them outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    pub low: f64,
    pub high: f64,
    pub log: bool,
}

/// What a user has zoomed to. Without an end it reaches to the newest point, whatever that is by now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zoom {
    low: f64,
    high: Option<f64>,
}

impl Window {
    /// All between two points. On a logarithmic axis it begins at `first_positive`, for what is not positive has no
    /// place there.
    pub fn whole(low: f64, high: f64, first_positive: Option<f64>, log: bool) -> Window {
        let low = if log { first_positive.unwrap_or(1.0) } else { low.min(0.0) };
        let next = if log { low * 10.0 } else { low + 1.0 };
        Window { low, high: if high > low { high } else { next }, log }
    }

    pub fn share(&self, x: f64) -> f64 {
        let (low, high) = (self.scaled(self.low), self.scaled(self.high));
        (self.scaled(x) - low) / (high - low)
    }

    pub fn at(&self, share: f64) -> f64 {
        let (low, high) = (self.scaled(self.low), self.scaled(self.high));
        let scaled = low + share * (high - low);
        if self.log { scaled.exp() } else { scaled }
    }

    pub fn contains(&self, x: f64) -> bool {
        (self.low..=self.high).contains(&x)
    }

    fn scaled(&self, x: f64) -> f64 {
        if self.log { x.max(f64::MIN_POSITIVE).ln() } else { x }
    }

    fn part(&self, from: f64, to: f64) -> Window {
        Window { low: self.at(from), high: self.at(to), log: self.log }
    }

    /// The same with `factor` of its length, and what is at the place `around` stays there.
    pub fn zoomed(&self, around: f64, factor: f64) -> Window {
        self.part(around - around * factor, around + (1.0 - around) * factor)
    }

    /// The same, moved by a share of its length.
    pub fn moved(&self, by: f64) -> Window {
        self.part(by, 1.0 + by)
    }

    /// The same, moved as far as it takes to show a place.
    pub fn with(&self, x: f64) -> Window {
        let share = self.share(x);
        self.moved(share - share.clamp(0.0, 1.0))
    }

    /// The nearest to this that lies within the whole, as a zoom; none where that is the whole.
    pub fn within(&self, whole: &Window) -> Option<Zoom> {
        let (from, to) = (whole.share(self.low), whole.share(self.high));
        let length = (to - from).max(NARROWEST);
        if length >= 1.0 - 1e-9 || length.is_nan() {
            return None;
        }
        let from = from.clamp(0.0, 1.0 - length);
        let part = whole.part(from, from + length);
        let ends_with_it = from + length > 1.0 - 1e-9;
        Some(Zoom { low: part.low, high: (!ends_with_it).then_some(part.high) })
    }
}

impl Zoom {
    /// What it shows of the whole; all of it, if that ends before the zoom begins.
    pub fn of(self, whole: Window) -> Window {
        let (low, high) = (self.low.max(whole.low), self.high.unwrap_or(whole.high).min(whole.high));
        if high > low { Window { low, high, ..whole } } else { whole }
    }

    /// The same part on another axis.
    pub fn on(self, other: impl Fn(f64) -> f64) -> Zoom {
        Zoom { low: other(self.low), high: self.high.map(&other) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain() -> Window {
        Window::whole(0.0, 100.0, Some(1.0), false)
    }

    #[test]
    fn zooming_keeps_the_place_it_is_around() {
        let near = plain().zoomed(0.25, 0.5);
        assert_eq!((near.low, near.high), (12.5, 62.5));
        assert_eq!(near.share(25.0), 0.25);
    }

    #[test]
    fn a_zoom_at_the_right_end_follows_the_newest_point() {
        let zoom = plain().zoomed(1.0, 0.1).within(&plain()).unwrap();
        let later = Window::whole(0.0, 200.0, Some(1.0), false);
        assert_eq!(zoom.of(later), Window { low: 90.0, high: 200.0, log: false });
        let inside = plain().zoomed(0.5, 0.1).within(&plain()).unwrap();
        assert!((inside.of(later).high - 55.0).abs() < 1e-9, "{inside:?}");
    }

    #[test]
    fn moving_stops_at_the_ends_and_keeps_the_length() {
        let near = plain().zoomed(0.5, 0.2);
        let at_the_end = near.moved(9.0).within(&plain()).unwrap().of(plain());
        assert!((at_the_end.low - 80.0).abs() < 1e-9 && at_the_end.high == 100.0, "{at_the_end:?}");
        let out = near.zoomed(0.5, 100.0).within(&plain());
        assert_eq!(out, None, "that is all there is");
    }

    #[test]
    fn a_place_that_is_shown_moves_nothing() {
        let near = plain().zoomed(0.5, 0.2);
        assert_eq!(near.with(55.0), near);
        let moved = near.with(70.0);
        assert!((moved.low - 50.0).abs() < 1e-9 && (moved.high - 70.0).abs() < 1e-9, "{moved:?}");
    }

    #[test]
    fn a_zoom_beyond_the_data_shows_all_of_it() {
        let zoom = plain().zoomed(1.0, 0.1).within(&plain()).unwrap();
        let shorter = Window::whole(0.0, 50.0, Some(1.0), false);
        assert_eq!(zoom.of(shorter), shorter);
    }

    #[test]
    fn nothing_has_a_window_too() {
        assert_eq!(Window::whole(0.0, 0.0, None, false), Window { low: 0.0, high: 1.0, log: false });
        assert_eq!(Window::whole(0.0, 0.0, None, true), Window { low: 1.0, high: 10.0, log: true });
    }

    proptest! {
        #[test]
        fn places_and_shares_are_each_others_inverse(
            low in 1e-3f64..1e3, length in 1e-3f64..1e6, share in 0f64..1.0, log in any::<bool>(),
        ) {
            let window = Window { low, high: low + length, log };
            prop_assert!((window.share(window.at(share)) - share).abs() < 1e-6);
        }

        #[test]
        fn a_zoom_never_leaves_the_whole(
            around in 0f64..1.0, factors in prop::collection::vec(0.1f64..3.0, 1..12), by in -3f64..3.0,
            log in any::<bool>(),
        ) {
            let whole = Window::whole(0.0, 5e4, Some(1.0), log);
            let mut shown = whole;
            for factor in factors {
                let next = shown.zoomed(around, factor).moved(by).within(&whole);
                shown = next.map_or(whole, |zoom| zoom.of(whole));
                prop_assert!(shown.low >= whole.low - 1e-9 && shown.high <= whole.high && shown.high > shown.low);
            }
        }
    }
}
