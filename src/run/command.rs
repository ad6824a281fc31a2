//! Asking a worker for something: one small file a command in the run's `commands/`.

use super::atomic::{TEMP_PREFIX, atomic_replace};
use super::{Liveness, RunDir, RunError, RunLock, State, now_ms, observe};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A command is a line; more is not one.
const MAX_COMMAND_BYTES: u64 = 64 << 10;
/// How many commands one [`Inbox::poll`] takes: a flood waits instead of stopping the training.
const MAX_AT_ONCE: usize = 32;
const EXTENSION: &str = "json";

/// What a worker can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CommandKind {
    /// Save and leave, to go on later.
    Pause,
    /// Save and leave for good.
    Stop,
    /// Save and go on.
    Checkpoint,
    /// Make pictures, of one label or of all.
    Sample {
        /// None for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
}

impl CommandKind {
    /// The command's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            CommandKind::Pause => "pause",
            CommandKind::Stop => "stop",
            CommandKind::Checkpoint => "checkpoint",
            CommandKind::Sample { .. } => "sample",
        }
    }
}

/// A command that a worker received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Names it; the answer bears the same.
    pub id: String,
    /// What is asked.
    pub kind: CommandKind,
    /// The worker it is for.
    pub instance: String,
    /// Who owns the file; the worker's own user, or root.
    pub uid: u32,
}

#[derive(Serialize, Deserialize)]
struct Letter {
    instance: String,
    sent_ms: u64,
    #[serde(flatten)]
    kind: CommandKind,
}

/// Puts a command before the run's live worker and returns its id; see [`super::await_answer`].
pub fn send_command(run: &RunDir, kind: CommandKind) -> Result<String, RunError> {
    let instance = live_instance(run)?;
    send_to(run, &instance, kind)
}

/// The live worker to address.
pub(crate) fn live_instance(run: &RunDir) -> Result<String, RunError> {
    let seen = observe(run);
    let instance = current_instance(run, seen.state.as_ref());
    match instance {
        Some(instance) if seen.liveness != Liveness::Free => Ok(instance),
        _ => Err(RunError::NoWorker { name: run.name().to_string() }),
    }
}

/// Who took the lock last: the lock says so at once, the state within a second.
pub(crate) fn current_instance(run: &RunDir, state: Option<&State>) -> Option<String> {
    let holder = RunLock::last_holder(run).map(|holder| holder.instance);
    let said = || state.map(|state| state.instance.clone());
    holder.filter(|instance| !instance.is_empty()).or_else(said).filter(|i| !i.is_empty())
}

pub(crate) fn send_to(run: &RunDir, instance: &str, kind: CommandKind) -> Result<String, RunError> {
    static SENT: AtomicU32 = AtomicU32::new(0);
    let sent_ms = now_ms();
    let nth = SENT.fetch_add(1, Ordering::Relaxed);
    // Sorted by name is sorted by time.
    let id = format!("{sent_ms:013}-{}-{nth}", std::process::id());
    let letter = Letter { instance: instance.to_owned(), sent_ms, kind };
    let folder = run.commands_dir();
    fs::create_dir_all(&folder).map_err(RunError::io("create", &folder))?;
    atomic_replace(&command_path(&folder, &id), |w| serde_json::to_writer(w, &letter).map_err(io::Error::from))?;
    Ok(id)
}

fn command_path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.{EXTENSION}"))
}

/// Takes back a command that was not handled.
pub(crate) fn withdraw(run: &RunDir, id: &str) {
    // Gone already is as good.
    let _ = fs::remove_file(command_path(&run.commands_dir(), id));
}

/// The worker's side: commands addressed to it, oldest first.
#[derive(Debug)]
pub struct Inbox {
    folder: PathBuf,
    instance: String,
    uid: u32,
}

impl Inbox {
    /// For the worker `instance`, which holds the lock. Commands to workers before it are void.
    pub fn open(run: &RunDir, instance: &str) -> Inbox {
        Inbox { folder: run.commands_dir(), instance: instance.to_owned(), uid: rustix::process::geteuid().as_raw() }
    }

    /// Commands that wait, oldest first; each comes again until it is [`Inbox::handled`]. Costs one
    /// listing of a folder that is mostly empty.
    pub fn poll(&self) -> Vec<Command> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let mut ids: Vec<String> = entries
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let id = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
                (!name.starts_with(TEMP_PREFIX)).then(|| id.to_owned())
            })
            .collect();
        ids.sort();
        ids.into_iter().filter_map(|id| self.take(id)).take(MAX_AT_ONCE).collect()
    }

    /// Removes a command that was answered.
    pub fn handled(&self, command: &Command) {
        self.remove(&command.id);
    }

    fn remove(&self, id: &str) {
        if let Err(cause) = fs::remove_file(command_path(&self.folder, id))
            && cause.kind() != ErrorKind::NotFound
        {
            tracing::warn!(id, %cause, "a handled command cannot be removed");
        }
    }

    fn take(&self, id: String) -> Option<Command> {
        let (text, uid) = match self.read(&id) {
            Ok(Some(read)) => read,
            // Another user's, or not a file: left where it is.
            Ok(None) => return None,
            Err(cause) => {
                tracing::warn!(id, %cause, "a command cannot be read");
                return None;
            }
        };
        match serde_json::from_str::<Letter>(&text) {
            Ok(Letter { instance, kind, .. }) if instance == self.instance => Some(Command { id, kind, instance, uid }),
            Ok(_) => {
                self.remove(&id);
                None
            }
            Err(error) => {
                tracing::warn!(id, %error, "a command makes no sense and is removed");
                self.remove(&id);
                None
            }
        }
    }

    /// The file's text and owner; None if it is not this user's to give.
    fn read(&self, id: &str) -> io::Result<Option<(String, u32)>> {
        use rustix::fs::OFlags;
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let path = command_path(&self.folder, id);
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(cause) if is_not_a_letter(&cause) => return Ok(None),
            Err(cause) => return Err(cause),
        };
        let meta = file.metadata()?;
        let may_command = meta.uid() == self.uid || meta.uid() == 0;
        if !meta.is_file() || !may_command {
            return Ok(None);
        }
        Ok(Some((read_letter(file)?, meta.uid())))
    }
}

/// Withdrawn, a symbolic link, or closed to us.
fn is_not_a_letter(cause: &io::Error) -> bool {
    let kind = cause.kind();
    let is_link = cause.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    is_link || matches!(kind, ErrorKind::NotFound | ErrorKind::PermissionDenied)
}

fn read_letter(file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(MAX_COMMAND_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Phase, StateWriter};
    use std::os::unix::fs::symlink;

    fn a_run(root: &Path) -> RunDir {
        RunDir::create(root, &"a".parse().unwrap(), "").unwrap()
    }

    fn a_worker(run: &RunDir) -> (RunLock, Inbox) {
        let lock = RunLock::try_acquire(run).unwrap().unwrap();
        let state = State { phase: Phase::Running, ..State::default() };
        StateWriter::new(run, lock.instance()).offer(&state);
        let inbox = Inbox::open(run, lock.instance());
        (lock, inbox)
    }

    #[test]
    fn commands_arrive_in_order_and_stay_until_handled() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let (_lock, inbox) = a_worker(&run);
        let sample = CommandKind::Sample { label: Some("cat".into()) };
        let kinds = [CommandKind::Pause, CommandKind::Checkpoint, sample];
        let ids: Vec<_> = kinds.iter().map(|kind| send_command(&run, kind.clone()).unwrap()).collect();
        let received = inbox.poll();
        assert_eq!(received.iter().map(|c| c.kind.clone()).collect::<Vec<_>>(), kinds);
        assert_eq!(received.iter().map(|c| &c.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
        assert_eq!(inbox.poll(), received);
        received.iter().for_each(|command| inbox.handled(command));
        assert!(inbox.poll().is_empty());
        assert_eq!(fs::read_dir(run.commands_dir()).unwrap().count(), 0);
    }

    #[test]
    fn nobody_there_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let error = send_command(&run, CommandKind::Pause).unwrap_err();
        assert!(matches!(error, RunError::NoWorker { .. }), "{error}");
        drop(a_worker(&run));
        assert!(send_command(&run, CommandKind::Pause).is_err());
        assert_eq!(fs::read_dir(run.commands_dir()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_not_for_this_worker_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let (_lock, inbox) = a_worker(&run);
        send_to(&run, "an-earlier-one", CommandKind::Stop).unwrap();
        let folder = run.commands_dir();
        fs::write(folder.join("1.json"), "{\"kind\":\"explode\"}").unwrap();
        fs::write(folder.join("2.json"), [0xff; 100]).unwrap();
        fs::write(folder.join("3.txt"), "{}").unwrap();
        symlink("/dev/zero", folder.join("4.json")).unwrap();
        fs::create_dir(folder.join("5.json")).unwrap();
        assert!(inbox.poll().is_empty());
        let mut left: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["3.txt", "4.json", "5.json"]);
    }

    #[test]
    fn another_users_command_is_ignored() {
        if !rustix::process::geteuid().is_root() {
            return; // only root can make a file that belongs to someone else
        }
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        let (lock, mut inbox) = a_worker(&run);
        let id = send_to(&run, lock.instance(), CommandKind::Stop).unwrap();
        let path = command_path(&run.commands_dir(), &id);
        std::os::unix::fs::chown(&path, Some(4242), None).unwrap();
        assert!(inbox.poll().is_empty());
        assert!(path.exists());
        inbox.uid = 4242;
        assert_eq!(inbox.poll().len(), 1);
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        assert_eq!(inbox.poll().len(), 1, "root may");
    }
}
