//! Who computes a run: decided by a file lock, which the kernel frees when its holder dies.

use super::directory::read_small;
use super::{RunDir, RunError, State, now_ms, plain_text};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

/// A worker on another host that wrote nothing for so long is not known to live.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);
/// A prober holds the lock for microseconds; who wants it in earnest tries for this long.
const TRY_FOR: Duration = Duration::from_millis(50);

/// The right to compute a run, until it is dropped or its process dies.
#[derive(Debug)]
pub struct RunLock {
    // Held for its lock, which closing frees.
    _file: File,
    holder: Holder,
}

/// Who holds a lock, as written into it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Its host.
    pub host: String,
    /// Names this worker process among all that ever computed the run.
    pub instance: String,
}

/// Whether a worker computes a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// A worker holds the lock, or its heart beats on another host.
    Live,
    /// Nobody holds the lock.
    Free,
    /// The last worker ran on another host and is not heard from.
    Unknown,
}

impl RunLock {
    /// Takes the lock if it is free; None if another worker has it.
    pub fn try_acquire(run: &RunDir) -> Result<Option<RunLock>, RunError> {
        let path = run.lock_path();
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(RunError::io("open the lock", &path))?;
        if !try_lock(&file).map_err(RunError::io("lock", &path))? {
            return Ok(None);
        }
        let holder = Holder { pid: std::process::id(), host: host_name(), instance: new_instance() };
        write_holder(&file, &holder).map_err(RunError::io("write the lock", &path))?;
        Ok(Some(RunLock { _file: file, holder }))
    }

    /// Names this worker; goes into `hello` and `state.json`.
    pub fn instance(&self) -> &str {
        &self.holder.instance
    }

    /// The last to take the lock, who may be gone.
    pub fn last_holder(run: &RunDir) -> Option<Holder> {
        let text = read_small(&run.lock_path(), 4096).ok()?;
        let holder: Holder = serde_json::from_str(text.lines().next()?).ok()?;
        Some(Holder {
            host: plain_text(&holder.host).into_owned(),
            instance: plain_text(&holder.instance).into_owned(),
            ..holder
        })
    }
}

/// In place and in one write, so that a reader finds a whole first line at any time.
fn write_holder(file: &File, holder: &Holder) -> std::io::Result<()> {
    let line = serde_json::to_string(holder)? + "\n";
    file.write_all_at(line.as_bytes(), 0)?;
    file.set_len(line.len() as u64)
}

fn try_lock(file: &File) -> std::io::Result<bool> {
    let begun = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if begun.elapsed() >= TRY_FOR => return Ok(false),
            Err(Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(2)),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Whether a worker computes the run, without disturbing it: the probe asks for a shared lock and
/// gives it back at once. For a worker on another host only its heartbeat tells; whoever watches
/// for longer asks a [`Pulse`], which needs no agreement of two hosts' clocks.
pub fn liveness(run: &RunDir, state: &State) -> Liveness {
    if is_elsewhere(state) {
        if !state.phase.is_live() {
            return Liveness::Free;
        }
        let age_ms = now_ms().abs_diff(state.heartbeat_ms);
        let fresh = u128::from(age_ms) < HEARTBEAT_TIMEOUT.as_millis();
        return if fresh { Liveness::Live } else { Liveness::Unknown };
    }
    probe(run)
}

pub(crate) fn is_elsewhere(state: &State) -> bool {
    !state.host.is_empty() && state.host != host_name()
}

pub(crate) fn probe(run: &RunDir) -> Liveness {
    let file = match File::open(run.lock_path()) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Liveness::Free,
        Err(_) => return Liveness::Unknown,
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Liveness::Free,
        Err(Errno::WOULDBLOCK) => Liveness::Live,
        Err(_) => Liveness::Unknown,
    }
}

/// Watches a heartbeat from another host: alive as long as it moves.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    last: Option<(u64, Instant)>,
}

impl Pulse {
    /// [`liveness`] for one who looks again and again.
    pub fn observe(&mut self, run: &RunDir, state: &State) -> Liveness {
        if !is_elsewhere(state) || !state.phase.is_live() {
            self.last = None;
            return liveness(run, state);
        }
        self.beat(state.heartbeat_ms, Instant::now())
    }

    fn beat(&mut self, heartbeat_ms: u64, now: Instant) -> Liveness {
        match self.last {
            Some((beat, since)) if beat == heartbeat_ms => match now.duration_since(since) < HEARTBEAT_TIMEOUT {
                true => Liveness::Live,
                false => Liveness::Unknown,
            },
            _ => {
                self.last = Some((heartbeat_ms, now));
                Liveness::Live
            }
        }
    }
}

/// This host's name.
pub fn host_name() -> String {
    let name = sysinfo::System::host_name().unwrap_or_default();
    if name.is_empty() { "localhost".into() } else { name }
}

/// A name that no other worker process has or had.
fn new_instance() -> String {
    // RandomState is seeded by the operating system for each process and counts up after that.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(now_ms());
    hasher.write_u32(std::process::id());
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Phase;

    fn a_run(root: &std::path::Path) -> RunDir {
        RunDir::create(root, &"a".parse().unwrap(), "").unwrap()
    }

    #[test]
    fn one_holds_it_and_probing_does_not_disturb() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let state = State::default();
        assert_eq!(liveness(&run, &state), Liveness::Free);
        let lock = RunLock::try_acquire(&run).unwrap().unwrap();
        assert_eq!(liveness(&run, &state), Liveness::Live);
        assert!(RunLock::try_acquire(&run).unwrap().is_none());
        assert_eq!(liveness(&run, &state), Liveness::Live);
        let holder = RunLock::last_holder(&run).unwrap();
        assert_eq!((holder.pid, holder.instance.as_str()), (std::process::id(), lock.instance()));
        drop(lock);
        assert_eq!(liveness(&run, &state), Liveness::Free);
        let again = RunLock::try_acquire(&run).unwrap().unwrap();
        assert_ne!(again.instance(), holder.instance);
    }

    #[test]
    fn of_many_starters_under_constant_probing_exactly_one_wins() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let held = thread::scope(|scope| {
            let prober =
                scope.spawn(|| (0..2000).map(|_| probe(&run)).filter(|seen| *seen == Liveness::Unknown).count());
            let starters: Vec<_> = (0..4).map(|_| scope.spawn(|| RunLock::try_acquire(&run).unwrap())).collect();
            let held: Vec<_> = starters.into_iter().filter_map(|s| s.join().unwrap()).collect();
            assert_eq!(prober.join().unwrap(), 0);
            held
        });
        assert_eq!(held.len(), 1);
    }

    #[test]
    fn another_host_is_judged_by_its_heartbeat() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let elsewhere =
            |heartbeat_ms, phase| State { host: "far-away".into(), heartbeat_ms, phase, ..State::default() };
        assert_eq!(liveness(&run, &elsewhere(now_ms(), Phase::Running)), Liveness::Live);
        assert_eq!(liveness(&run, &elsewhere(0, Phase::Running)), Liveness::Unknown);
        assert_eq!(liveness(&run, &elsewhere(0, Phase::Paused)), Liveness::Free);
    }

    #[test]
    fn a_pulse_needs_no_common_clock() {
        let mut pulse = Pulse::default();
        let begun = Instant::now();
        let after = |s| begun + Duration::from_secs(s);
        assert_eq!(pulse.beat(5, begun), Liveness::Live);
        assert_eq!(pulse.beat(5, after(9)), Liveness::Live);
        assert_eq!(pulse.beat(5, after(10)), Liveness::Unknown);
        assert_eq!(pulse.beat(6, after(11)), Liveness::Live);
        assert_eq!(pulse.beat(6, after(20)), Liveness::Live);
    }
}
