//! One logged value, and the clocks that it may be drawn against.

/// One logged value and the four clocks it may be drawn against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub step: u64,
    pub epoch: f32,
    /// Seconds spent computing, across resumes.
    pub run_s: f32,
    /// Seconds since the run's first event, pauses included.
    pub wall_s: f32,
    pub value: f32,
}

/// What a chart's x axis counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    #[default]
    Step,
    Epoch,
    RunTime,
    WallTime,
}

impl Axis {
    pub const ALL: [Axis; 4] = [Axis::Step, Axis::Epoch, Axis::RunTime, Axis::WallTime];

    pub fn name(self) -> &'static str {
        match self {
            Axis::Step => "step",
            Axis::Epoch => "epoch",
            Axis::RunTime => "computing time",
            Axis::WallTime => "wall time",
        }
    }
}

impl Point {
    pub fn at(&self, axis: Axis) -> f64 {
        match axis {
            Axis::Step => self.step as f64,
            Axis::Epoch => f64::from(self.epoch),
            Axis::RunTime => f64::from(self.run_s),
            Axis::WallTime => f64::from(self.wall_s),
        }
    }

    /// Lets no clock run backwards, for charts search by it: of one that did, the last point's is pulled back if the one
    /// before it agrees, for then that was damaged; else the machine's clock was set back, and the run's stands still
    /// until it has caught up.
    pub(super) fn follow(&mut self, before: Option<&Point>, last: &mut Point) {
        let clocks: [fn(&mut Point) -> &mut f32; 3] = [|p| &mut p.epoch, |p| &mut p.run_s, |p| &mut p.wall_s];
        for clock in clocks {
            let (here, there) = (*clock(self), *clock(last));
            if here >= there {
                continue;
            }
            match before.copied().map(|mut before| *clock(&mut before)) {
                Some(before) if before > here => *clock(self) = there,
                _ => *clock(last) = here,
            }
        }
    }
}
