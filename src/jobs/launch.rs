//! Starting a worker that outlives whoever starts it.
//!
//! The program runs itself once more under [`DETACH`]: that process leaves the terminal's session and then becomes the
//! worker, or the launcher (`srun` …) that will start it. So the worker has no terminal to lose, and nothing between the
//! two needs unsafe code.

use std::env;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// For the second line of `main`, behind [`detach_if_asked`].
pub use super::pages::keep_if_computing;
use crate::run::{RunDir, RunError, RunLock, plain_text};

/// The first argument of a process that is to leave its session and become what follows.
const DETACH: &str = "__detach";
/// A worker takes its lock first of all; one that is silent for longer may be slow, not wrong.
const LOCK_WITHIN: Duration = Duration::from_secs(20);
/// A launcher may hold the worker back for hours, until a node is free.
const LAUNCHER_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How much of the end of a log can hold the reason why a worker died.
const REASON_WITHIN: u64 = 16 << 10;

/// Why no worker computes now.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The run directory cannot be used.
    #[error(transparent)]
    Run(#[from] RunError),
    /// This program cannot be started again.
    #[error("failed to start {}: {cause}", program.display())]
    Spawn { program: PathBuf, cause: io::Error },
    /// The worker ended before it had the run's lock.
    #[error("the worker of `{run}` did not start ({status}): {reason}")]
    Died { run: String, status: ExitStatus, reason: String },
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    run: &'a RunDir,
    program: Option<PathBuf>,
    launcher: &'a [String],
    config: Option<&'a Path>,
    sets: &'a [String],
    force: bool,
}

/// A worker that was started.
#[derive(Clone, Debug)]
pub struct Launched {
    /// The process started: the worker, or its launcher.
    pub pid: u32,
    /// It has the run's lock. If not, it is slow or waits in its launcher's queue.
    pub has_lock: bool,
    ended: Arc<OnceLock<ExitStatus>>,
}

impl Launched {
    /// How the process ended, once it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.ended.get().copied()
    }
}

impl<'a> Launch<'a> {
    /// A worker for the run, new or to be taken up again.
    pub fn new(run: &'a RunDir) -> Self {
        Self { run, program: None, launcher: &[], config: None, sets: &[], force: false }
    }

    /// `[runtime] launcher`, put before the worker's command.
    pub fn launcher(self, launcher: &'a [String]) -> Self {
        Self { launcher, ..self }
    }

    /// `--config` and `--set` for the worker.
    pub fn settings(self, config: Option<&'a Path>, sets: &'a [String]) -> Self {
        Self { config, sets, ..self }
    }

    /// Start even though a worker on another host may live.
    pub fn force(self, force: bool) -> Self {
        Self { force, ..self }
    }

    /// Another pixscribe than the one that runs now, for tests.
    pub fn program(self, program: impl Into<PathBuf>) -> Self {
        Self { program: Some(program.into()), ..self }
    }

    /// Starts the worker and returns once it has its lock, or is found dead with a reason. Blocks for as long as that
    /// takes, mostly some ten milliseconds; under tokio it belongs into `spawn_blocking`.
    pub fn start(self) -> Result<Launched, LaunchError> {
        let before = RunLock::last_holder(self.run);
        let log_path = self.run.log_path();
        let open_log = || OpenOptions::new().append(true).create(true).open(&log_path);
        let log = open_log().map_err(RunError::io("open", &log_path))?;
        let log_start = log.metadata().map_err(RunError::io("read", &log_path))?.len();
        let child = self.spawn(log)?;
        let pid = child.id();
        let ended = reap(child);
        let begun = Instant::now();
        let patience = if self.launcher.is_empty() { LOCK_WITHIN } else { LAUNCHER_WITHIN };
        loop {
            // Asked in this order: a worker that took its lock and ended in between did start.
            let status = ended.get().copied();
            let holder = RunLock::last_holder(self.run).filter(|holder| Some(holder) != before.as_ref());
            // A process keeps its id when it becomes the worker; another's is that of someone who was faster.
            if holder.is_some_and(|holder| holder.pid == pid || !self.launcher.is_empty()) {
                return Ok(Launched { pid, has_lock: true, ended });
            }
            if let Some(status) = status {
                let (run, reason) = (self.run.name().to_string(), last_words(&log_path, log_start));
                return Err(LaunchError::Died { run, status, reason });
            }
            if begun.elapsed() >= patience {
                return Ok(Launched { pid, has_lock: false, ended });
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn spawn(&self, log: File) -> Result<Child, LaunchError> {
        let program = self.program.clone().map_or_else(this_program, Ok);
        let failed = |cause| LaunchError::Spawn { program: program_name(&program), cause };
        let program = program.as_ref().map_err(|cause| failed(io::Error::new(cause.kind(), cause.to_string())))?;
        let stderr = log.try_clone().map_err(RunError::io("open", &self.run.log_path()))?;
        let mut command = Command::new(program);
        command.arg(DETACH).args(self.launcher).arg(program).args(self.worker_arguments());
        command.stdin(Stdio::null()).stdout(log).stderr(stderr).spawn().map_err(failed)
    }

    fn worker_arguments(&self) -> Vec<OsString> {
        let root = self.run.runs_root();
        // A launcher may change the folder.
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf());
        let mut arguments: Vec<OsString> = vec!["--runs".into(), root.into()];
        if let Some(config) = self.config {
            let config = std::path::absolute(config).unwrap_or_else(|_| config.to_path_buf());
            arguments.extend(["--config".into(), config.into()]);
        }
        for set in self.sets {
            arguments.extend(["--set".into(), set.into()]);
        }
        arguments.extend(["train".into(), "--resume".into(), self.run.name().as_str().into()]);
        if self.force {
            arguments.push("--force".into());
        }
        arguments
    }
}

/// For the first line of `main`: if this process is to detach, it becomes the command that follows, and this returns
/// only the reason why it could not.
pub fn detach_if_asked(mut arguments: impl Iterator<Item = OsString>) -> Option<String> {
    if arguments.nth(1)? != DETACH {
        return None;
    }
    let program = arguments.next()?;
    // It fails only for the leader of a group, which has left its parent's session already.
    let _ = rustix::process::setsid();
    let cause = Command::new(&program).args(arguments).exec();
    Some(format!("failed to start {}: {cause}", program.to_string_lossy()))
}

/// The path of this program, also after a newer one was built in its place.
pub fn this_program() -> io::Result<PathBuf> {
    let path = env::current_exe()?;
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(replaced.filter(|replaced| replaced.is_file()).unwrap_or(path))
}

fn program_name(program: &io::Result<PathBuf>) -> PathBuf {
    program.as_ref().map_or_else(|_| PathBuf::from("pixscribe"), PathBuf::clone)
}

/// Waits for the child on a thread of its own, so that it never stays behind as a zombie, however long it computes.
fn reap(mut child: Child) -> Arc<OnceLock<ExitStatus>> {
    let ended = Arc::new(OnceLock::new());
    let slot = Arc::clone(&ended);
    thread::spawn(move || {
        if let Ok(status) = child.wait() {
            let _ = slot.set(status);
        }
    });
    ended
}

/// What the worker wrote last before it died.
fn last_words(log: &Path, from: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(len.saturating_sub(REASON_WITHIN))))?;
        let mut bytes = Vec::new();
        file.take(REASON_WITHIN).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    // Its error, else the message of its panic.
    let said = |prefix| move |line: &str| line.strip_prefix(prefix).map(|rest| rest.trim().to_owned());
    let sentence = lines().rev().find_map(said("pixscribe: ")).or_else(|| lines().rev().find_map(said("Message: ")));
    match sentence.or_else(|| lines().next_back().map(str::to_owned)) {
        Some(line) => plain_text(&line).chars().take(600).collect(),
        None => format!("it said nothing; see {}", log.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_run(root: &Path) -> RunDir {
        RunDir::create(root, &"a".parse().unwrap(), "").unwrap()
    }

    #[test]
    fn the_workers_command_names_run_settings_and_force() {
        let run = a_run(tempfile::tempdir().unwrap().path());
        let sets = ["epochs=3".to_owned()];
        let launch = Launch::new(&run).settings(Some(Path::new("/c.toml")), &sets).force(true);
        let root = run.runs_root().display().to_string();
        let expected =
            ["--runs", &root, "--config", "/c.toml", "--set", "epochs=3", "train", "--resume", "a", "--force"];
        assert_eq!(launch.worker_arguments(), expected.map(OsString::from));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let root = tempfile::tempdir().unwrap();
        let error = Launch::new(&a_run(root.path())).program("/no/pixscribe").start().unwrap_err();
        assert!(error.to_string().starts_with("failed to start /no/pixscribe: "), "{error}");
    }

    #[test]
    fn a_dead_worker_is_reported_with_its_last_words() {
        let root = tempfile::tempdir().unwrap();
        let run = a_run(root.path());
        std::fs::write(run.log_path(), "pixscribe: of an earlier worker\n").unwrap();
        // Called with an argument that it does not know, `ls` says so and leaves with an error.
        let error = Launch::new(&run).program("/bin/ls").start().unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, LaunchError::Died { .. }), "{text}");
        assert!(!text.contains("earlier"), "{text}");
        assert!(text.starts_with("the worker of `a` did not start (exit status: 2): "), "{text}");
    }

    #[test]
    fn the_sentence_of_a_worker_is_found_among_its_log() {
        let root = tempfile::tempdir().unwrap();
        let log = root.path().join("log.txt");
        std::fs::write(&log, "older\nloading\npixscribe: no data in x\x1b[2J: fetch it\n  at main.rs\n\n").unwrap();
        assert_eq!(last_words(&log, 6), "no data in x[2J: fetch it");
        assert!(last_words(&root.path().join("none"), 0).starts_with("it said nothing"));
    }

    #[test]
    fn only_the_hidden_argument_detaches() {
        for arguments in [vec!["pixscribe"], vec!["pixscribe", "runs"], vec!["pixscribe", "runs", DETACH]] {
            assert_eq!(detach_if_asked(arguments.into_iter().map(OsString::from)), None);
        }
    }
}
