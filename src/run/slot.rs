//! Whose turn it is to compute: tickets of one user on one host, a folder a device.
//!
//! No process hands out slots. Each worker keeps a ticket file locked as long as it lives; the
//! kernel frees the locks of the dead, and whoever looks next removes their tickets. Every change
//! happens under the folder's own lock, which is held for a listing and no longer. Among those
//! that wait, resumed runs stand in front of new ones, and older tickets in front of younger.

use super::lock::host_name;
use super::{QueuePlace, RunDir, RunError};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Overrides the state folder, for tests and unusual homes.
pub const STATE_DIR_VARIABLE: &str = "PIXSCRIBE_STATE_DIR";
/// Everyone holds the queue's lock for a listing; this long is long enough.
const LOCK_WITHIN: Duration = Duration::from_secs(5);
const MAX_TICKET_BYTES: u64 = 16 << 10;

/// The folder where what belongs to this user and host is kept, not to a run.
pub fn state_dir() -> Result<PathBuf, RunError> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(STATE_DIR_VARIABLE)
        .or_else(|| set("XDG_STATE_HOME").filter(|p| p.is_absolute()).map(|p| p.join("pixscribe")))
        .or_else(|| set("HOME").map(|home| home.join(".local/state/pixscribe")))
        .ok_or_else(|| {
            let missing = io::Error::other("neither HOME nor XDG_STATE_HOME is set");
            RunError::io("find the user's state folder", Path::new("~"))(missing)
        })
}

/// The queue for one device of this host.
#[derive(Debug, Clone)]
pub struct SlotQueue {
    folder: PathBuf,
}

/// What stands in a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Inscription {
    run: String,
    /// The run directory, absolute: two runs folders may have runs of one name.
    path: PathBuf,
    pid: u32,
}

/// The classes in which tickets stand, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Computing,
    Resumed,
    New,
}

/// A live worker's place, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The run's name.
    pub run: String,
    /// The run directory.
    pub path: PathBuf,
    /// It has a slot.
    pub computing: bool,
}

/// The answer to "is it my turn?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Compute.
    Granted,
    /// Wait, here.
    Waiting(QueuePlace),
}

impl SlotQueue {
    /// The queue for `device` (`cpu`, `cuda:0` …) in the user's state folder.
    pub fn open(device: &str) -> Result<SlotQueue, RunError> {
        Ok(SlotQueue::open_in(&state_dir()?, device))
    }

    /// The queue for `device` in the state folder given.
    pub fn open_in(state_dir: &Path, device: &str) -> SlotQueue {
        let folder = state_dir.join("slots").join(as_folder(&host_name())).join(as_folder(device));
        SlotQueue { folder }
    }

    /// Takes a ticket for a run; it is given up when it is dropped or its process dies.
    pub fn enter(&self, run: &RunDir, resumed: bool) -> Result<Ticket, RunError> {
        fs::create_dir_all(&self.folder).map_err(RunError::io("create", &self.folder))?;
        let _guard = self.lock()?;
        let number = self.numbers()?.into_iter().max().map_or(1, |last| last + 1);
        let class = if resumed { Class::Resumed } else { Class::New };
        let stub = Stub { class, number };
        let path = self.folder.join(stub.file_name());
        let file = inscribe(&path, run).map_err(RunError::io("take a ticket", &path))?;
        Ok(Ticket { queue: self.clone(), stub, _file: file })
    }

    /// Everyone who computes or waits, in order. Empty if nobody ever did.
    pub fn list(&self) -> Result<Vec<Queued>, RunError> {
        if !self.folder.is_dir() {
            return Ok(Vec::new());
        }
        let _guard = self.lock()?;
        Ok(self.living(None)?.into_iter().map(|(_, queued)| queued).collect())
    }

    /// Where a run stands, seen from outside; None if it computes or has no ticket.
    pub fn position(&self, run: &RunDir) -> Result<Option<QueuePlace>, RunError> {
        let wanted = absolute(run.root());
        let all = self.list()?;
        let at = all.iter().position(|queued| queued.path == wanted && !queued.computing);
        Ok(at.map(|at| place(&all, at)))
    }

    fn lock(&self) -> Result<File, RunError> {
        let path = self.folder.join("lock");
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(RunError::io("open the queue", &path))?;
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if begun.elapsed() < LOCK_WITHIN => {
                    thread::sleep(Duration::from_millis(2));
                }
                Err(errno) => return Err(RunError::io("lock the queue", &path)(errno.into())),
            }
        }
    }

    fn numbers(&self) -> Result<Vec<u64>, RunError> {
        Ok(self.stubs()?.into_iter().map(|stub| stub.number).collect())
    }

    fn stubs(&self) -> Result<Vec<Stub>, RunError> {
        let entries = fs::read_dir(&self.folder).map_err(RunError::io("read the queue", &self.folder))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut stubs: Vec<Stub> = names.filter_map(|name| Stub::parse(&name)).collect();
        stubs.sort();
        Ok(stubs)
    }

    /// Tickets whose workers live, in order; those of the dead are removed on the way. `mine` is
    /// not probed: its lock is the asker's own.
    fn living(&self, mine: Option<Stub>) -> Result<Vec<(Stub, Queued)>, RunError> {
        let mut living = Vec::new();
        for stub in self.stubs()? {
            let path = self.folder.join(stub.file_name());
            if mine != Some(stub) && is_abandoned(&path) {
                // If it cannot be removed it is found abandoned again next time.
                let _ = fs::remove_file(&path);
                continue;
            }
            let queued = read_ticket(&path).map_or_else(
                || Queued { run: "another run".into(), path: PathBuf::new(), computing: false },
                |i| Queued { run: i.run, path: i.path, computing: false },
            );
            living.push((stub, Queued { computing: stub.class == Class::Computing, ..queued }));
        }
        Ok(living)
    }
}

/// A live worker's place in a queue.
#[derive(Debug)]
pub struct Ticket {
    queue: SlotQueue,
    stub: Stub,
    // Held for its lock, which closing frees.
    _file: File,
}

impl Ticket {
    /// Asks for one of `slots` (0 counts as 1). Once granted, a slot is kept until the ticket is
    /// dropped.
    pub fn ask(&mut self, slots: usize) -> Result<Turn, RunError> {
        if self.stub.class == Class::Computing {
            return Ok(Turn::Granted);
        }
        let _guard = self.queue.lock()?;
        let living = self.queue.living(Some(self.stub))?;
        let Some(at) = living.iter().position(|(stub, _)| *stub == self.stub) else {
            let path = self.queue.folder.join(self.stub.file_name());
            let gone = io::Error::other("someone removed this run's ticket");
            return Err(RunError::io("wait in the queue", &path)(gone));
        };
        if at < slots.max(1) {
            self.promote()?;
            return Ok(Turn::Granted);
        }
        let all: Vec<Queued> = living.into_iter().map(|(_, queued)| queued).collect();
        Ok(Turn::Waiting(place(&all, at)))
    }

    fn promote(&mut self) -> Result<(), RunError> {
        let computing = Stub { class: Class::Computing, ..self.stub };
        let from = self.queue.folder.join(self.stub.file_name());
        let to = self.queue.folder.join(computing.file_name());
        fs::rename(&from, &to).map_err(RunError::io("take a slot with", &from))?;
        self.stub = computing;
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // An unlocked ticket that stays is removed by the next who looks.
        let _ = fs::remove_file(self.queue.folder.join(self.stub.file_name()));
    }
}

/// The place of `all[at]`, which waits.
fn place(all: &[Queued], at: usize) -> QueuePlace {
    let computing = all.iter().take(at).filter(|queued| queued.computing).count();
    QueuePlace {
        position: at - computing + 1,
        behind: at.checked_sub(1).map(|before| all[before].run.clone()),
        reason: None,
    }
}

/// A ticket's file name: class and number, in the order of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stub {
    class: Class,
    number: u64,
}

impl Stub {
    fn file_name(self) -> String {
        let class = match self.class {
            Class::Computing => "computing",
            Class::Resumed => "resumed",
            Class::New => "new",
        };
        format!("{class}-{}.ticket", self.number)
    }

    fn parse(name: &str) -> Option<Stub> {
        let (class, number) = name.strip_suffix(".ticket")?.split_once('-')?;
        let class = match class {
            "computing" => Class::Computing,
            "resumed" => Class::Resumed,
            "new" => Class::New,
            _ => return None,
        };
        Some(Stub { class, number: number.parse().ok().filter(|n| *n < u64::MAX)? })
    }
}

fn inscribe(path: &Path, run: &RunDir) -> io::Result<File> {
    let inscription = Inscription { run: run.name().to_string(), path: absolute(run.root()), pid: std::process::id() };
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    file.write_all(&serde_json::to_vec(&inscription)?)?;
    Ok(file)
}

fn read_ticket(path: &Path) -> Option<Inscription> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_TICKET_BYTES).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn is_abandoned(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_ok(),
        Err(cause) => cause.kind() == ErrorKind::NotFound,
    }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.into())
}

fn as_folder(name: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' }
    };
    let name: String = name.chars().map(safe).take(64).collect();
    if name.is_empty() { "-".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        dir: tempfile::TempDir,
        queue: SlotQueue,
    }

    impl Place {
        fn new() -> Place {
            let dir = tempfile::tempdir().unwrap();
            let queue = SlotQueue::open_in(&dir.path().join("state"), "cuda:0");
            Place { dir, queue }
        }

        fn run(&self, name: &str) -> RunDir {
            let root = self.dir.path().join("runs");
            let name = name.parse().unwrap();
            RunDir::open(&root, &name).or_else(|_| RunDir::create(&root, &name, "")).unwrap()
        }

        fn enter(&self, name: &str, resumed: bool) -> Ticket {
            self.queue.enter(&self.run(name), resumed).unwrap()
        }
    }

    fn waits(turn: Turn) -> (usize, String) {
        match turn {
            Turn::Granted => panic!("was granted"),
            Turn::Waiting(place) => (place.position, place.behind.unwrap()),
        }
    }

    #[test]
    fn oldest_first_and_a_resumed_run_in_front_of_those_that_wait() {
        let place = Place::new();
        let (mut a, mut b) = (place.enter("a", false), place.enter("b", false));
        assert_eq!(waits(b.ask(1).unwrap()), (2, "a".into()));
        assert_eq!(a.ask(1).unwrap(), Turn::Granted);
        assert_eq!(waits(b.ask(1).unwrap()), (1, "a".into()));
        let mut c = place.enter("c", true);
        assert_eq!(waits(c.ask(1).unwrap()), (1, "a".into()));
        assert_eq!(waits(b.ask(1).unwrap()), (2, "c".into()));
        assert_eq!(a.ask(1).unwrap(), Turn::Granted, "a slot is kept");
        let names: Vec<_> = place.queue.list().unwrap().into_iter().map(|q| q.run).collect();
        assert_eq!(names, ["a", "c", "b"]);
        let position = place.queue.position(&place.run("b")).unwrap().unwrap();
        assert_eq!((position.position, position.behind.as_deref()), (2, Some("c")));
        assert_eq!(place.queue.position(&place.run("a")).unwrap(), None);
        drop(a);
        assert_eq!(waits(b.ask(1).unwrap()), (2, "c".into()));
        assert_eq!(c.ask(1).unwrap(), Turn::Granted);
        assert_eq!(b.ask(2).unwrap(), Turn::Granted);
    }

    #[test]
    fn a_ticket_without_its_worker_is_removed() {
        let place = Place::new();
        let a = place.enter("a", false);
        // A worker that was killed leaves the file; only its lock is gone.
        let left = place.queue.folder.join("computing-7.ticket");
        fs::copy(place.queue.folder.join(a.stub.file_name()), &left).unwrap();
        fs::write(place.queue.folder.join("resumed-8.ticket"), "torn").unwrap();
        fs::write(place.queue.folder.join("notes.txt"), "mine").unwrap();
        assert_eq!(place.queue.list().unwrap().len(), 1);
        assert!(!left.exists());
        assert!(place.queue.folder.join("notes.txt").exists());
        let mut b = place.enter("b", false);
        drop(a);
        assert_eq!(b.ask(1).unwrap(), Turn::Granted);
    }

    #[test]
    fn never_more_than_the_slots_compute_under_contention() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let place = Place::new();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for worker in 0..8 {
                let (place, now, most) = (&place, &now, &most);
                scope.spawn(move || {
                    for round in 0..5 {
                        let mut ticket = place.enter(&format!("w{worker}"), round % 2 == 0);
                        while ticket.ask(2).unwrap() != Turn::Granted {
                            thread::yield_now();
                        }
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        drop(ticket);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 2);
        assert!(place.queue.list().unwrap().is_empty());
    }

    #[test]
    fn devices_and_hosts_have_queues_of_their_own() {
        let place = Place::new();
        let mut a = place.enter("a", false);
        assert_eq!(a.ask(1).unwrap(), Turn::Granted);
        let other = SlotQueue::open_in(&place.dir.path().join("state"), "cuda:1");
        assert!(other.list().unwrap().is_empty());
        assert_eq!(other.enter(&place.run("b"), false).unwrap().ask(0).unwrap(), Turn::Granted);
        assert_eq!(as_folder("../../etc"), "------etc");
    }

    #[test]
    fn a_ticket_that_someone_removed_is_an_error_not_a_slot() {
        let place = Place::new();
        let mut a = place.enter("a", false);
        fs::remove_file(place.queue.folder.join(a.stub.file_name())).unwrap();
        assert!(a.ask(1).unwrap_err().to_string().contains("someone removed"));
    }
}
