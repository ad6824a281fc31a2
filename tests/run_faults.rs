//! Workers that are killed, deaf, dead at the start or one too many; terminals that close; folders that refuse.
//!
//! The worker here follows the run contract and trains nothing, so that these tests are about the contract alone. It is
//! this test program, started again by `pixscribe resume` through `[runtime] launcher`; its environment says how to behave.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pixscribe::config::{Config, ModelKind};
use pixscribe::jobs::History;
use pixscribe::run::slot::{SlotQueue, Turn};
use pixscribe::run::{
    Answer, CommandKind, EventKind, EventWriter, Inbox, Liveness, Num, Phase, RunDir, RunLock, State, StateWriter,
    observe, send_and_wait,
};
use rustix::process::{Pid, Signal, getsid, kill_process, kill_process_group, test_kill_process};

const BEHAVIOUR: &str = "RUN_FAULTS_WORKER";

// ---- the worker ------------------------------------------------------------------------------------------------------

#[test]
#[ignore = "the worker that the other tests start"]
fn a_worker() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag);
        at.and_then(|at| arguments.get(at + 1)).unwrap_or_else(|| panic!("no {flag}"))
    };
    let run = RunDir::open(Path::new(after("--runs")), &after("--resume").parse().unwrap()).unwrap();
    let behaviour = std::env::var(BEHAVIOUR).unwrap_or_default();
    if behaviour == "dies" {
        eprintln!("pixscribe: the data in /nowhere is gone: put it back");
        std::process::exit(1);
    }
    let Some(lock) = RunLock::try_acquire(&run).unwrap() else {
        eprintln!("pixscribe: another worker computes it");
        std::process::exit(1);
    };
    Worker::new(&run, &lock).work(&behaviour);
}

struct Worker<'a> {
    run: &'a RunDir,
    inbox: Inbox,
    events: EventWriter,
    states: StateWriter,
    state: State,
    saved: PathBuf,
}

impl<'a> Worker<'a> {
    fn new(run: &'a RunDir, lock: &RunLock) -> Self {
        let saved = run.weights_dir().join("step");
        let step = fs::read_to_string(&saved).ok().map(|text| text.parse().unwrap());
        let mut events = EventWriter::open(run).unwrap();
        events.append(EventKind::Hello {
            schema: 1,
            instance: lock.instance().into(),
            model: "cnn".into(),
            config_hash: String::new(),
            data_sha256: String::new(),
            resumed_from_step: step,
        });
        let state = State { model: "cnn".into(), step: step.unwrap_or(0), total_steps: 100_000, ..State::default() };
        let (inbox, states) = (Inbox::open(run, lock.instance()), StateWriter::new(run, lock.instance()));
        Self { run, inbox, events, states, state, saved }
    }

    fn work(mut self, behaviour: &str) {
        self.enter(Phase::Queued);
        let queue = SlotQueue::open("cpu").unwrap();
        let mut ticket = queue.enter(self.run, self.state.step > 0).unwrap();
        while let Turn::Waiting(place) = ticket.ask(1).unwrap() {
            self.state.queue = Some(place);
            self.states.write_now(&self.state);
            thread::sleep(Duration::from_millis(5));
        }
        self.state.queue = None;
        self.enter(Phase::Running);
        let steps = if behaviour == "short" { self.state.step + 20 } else { u64::MAX };
        while self.state.step < steps {
            thread::sleep(Duration::from_millis(2));
            self.state.step += 1;
            let values = BTreeMap::from([("train/loss".to_owned(), Num(1.0 / self.state.step as f64))]);
            self.state.last = values.clone();
            self.events.append(EventKind::Metrics { step: self.state.step, epoch: 0.0, values });
            self.states.offer(&self.state);
            if behaviour != "deaf"
                && let Some(last) = self.obey()
            {
                return self.enter(last);
            }
        }
        self.save();
        self.enter(Phase::Finished);
    }

    fn obey(&mut self) -> Option<Phase> {
        let command = self.inbox.poll().into_iter().next()?;
        let refusal = match command.kind {
            CommandKind::Sample { .. } => Some("this model\u{1b}[31m makes no pictures".to_owned()),
            _ => None,
        };
        self.events.append(EventKind::CommandHandled {
            id: command.id.clone(),
            ok: refusal.is_none(),
            reason: refusal,
        });
        self.inbox.handled(&command);
        let (during, after) = match command.kind {
            CommandKind::Pause => (Phase::Pausing, Phase::Paused),
            CommandKind::Stop => (Phase::Stopping, Phase::Stopped),
            _ => {
                self.save();
                return None;
            }
        };
        self.enter(during);
        self.save();
        Some(after)
    }

    fn save(&mut self) {
        let step = self.state.step;
        pixscribe::run::atomic_write(&self.saved, |w| write!(w, "{step}")).unwrap();
        let path = self.run.relative(&self.saved);
        self.events.append(EventKind::CheckpointSaved { path, step, epoch: 0, best: false });
    }

    fn enter(&mut self, phase: Phase) {
        self.state.phase = phase;
        self.events.append(EventKind::PhaseChanged { phase, reason: None });
        self.states.write_now(&self.state);
    }
}

// ---- the stage -------------------------------------------------------------------------------------------------------

/// A folder of runs whose workers are [`a_worker`]; those that live are killed when the test is over.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Stage {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Stage { dir }
    }

    fn runs(&self) -> PathBuf {
        self.dir.path().join("runs")
    }

    fn create(&self, name: &str) -> RunDir {
        let this = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
        let arguments = ["--ignored", "--exact", "--nocapture", "--test-threads=2", "a_worker", "--"].map(String::from);
        let mut config = Config { model: Some(ModelKind::Cnn), ..Config::default() };
        config.runtime.launcher = [this].into_iter().chain(arguments).collect();
        RunDir::create(&self.runs(), &name.parse().unwrap(), &config.to_toml().unwrap()).unwrap()
    }

    fn command(&self, behaviour: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pixscribe"));
        command.arg("--runs").arg(self.runs()).args(arguments).stdin(Stdio::null());
        command.env(BEHAVIOUR, behaviour).env("PIXSCRIBE_STATE_DIR", self.dir.path().join("state"));
        command.env_remove("RUST_BACKTRACE");
        command
    }

    fn pixscribe(&self, arguments: &[&str]) -> Said {
        Said::of(self.command("", arguments).output().unwrap())
    }

    fn start(&self, behaviour: &str, run: &RunDir) {
        let said = Said::of(self.command(behaviour, &["resume", run.name().as_str()]).output().unwrap());
        assert_eq!(said.code, 0, "{said:?}");
    }

    fn running(&self, name: &str) -> RunDir {
        let run = self.create(name);
        self.start("", &run);
        computes_beyond(&run, 0);
        run
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for run in RunDir::list(&self.runs()).unwrap_or_default() {
            if observe(&run).liveness == Liveness::Live
                && let Some(pid) = RunLock::last_holder(&run).and_then(|holder| Pid::from_raw(holder.pid as i32))
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Failed with one sentence that has all of `parts`.
    fn refuses(&self, parts: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        parts.iter().for_each(|part| assert!(self.err.contains(part), "no {part:?} in {self:?}"));
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn last_step(run: &RunDir) -> u64 {
    History::read(run).last_step()
}

fn computes_beyond(run: &RunDir, step: u64) {
    until("the worker computes", || last_step(run) > step);
}

fn pid_of(run: &RunDir) -> Pid {
    Pid::from_raw(RunLock::last_holder(run).unwrap().pid as i32).unwrap()
}

fn kill(run: &RunDir) {
    kill_process(pid_of(run), Signal::KILL).unwrap();
    until("the lock is free", || observe(run).liveness == Liveness::Free);
}

fn logged_steps(run: &RunDir) -> Vec<u64> {
    let history = History::read(run);
    assert_eq!(history.damaged, 0);
    history.metric("train/loss").unwrap().points().iter().map(|point| point.step).collect()
}

// ---- the play --------------------------------------------------------------------------------------------------------

#[test]
fn pause_resume_stop_and_no_step_is_missing_or_doubled() {
    let stage = Stage::new();
    let run = stage.running("a");
    let said = stage.pixscribe(&["pause", "a"]);
    assert_eq!(
        (said.code, observe(&run).phase, observe(&run).liveness),
        (0, Phase::Paused, Liveness::Free),
        "{said:?}"
    );
    let paused_at = last_step(&run);
    assert_eq!(said.out, format!("a is paused at step {paused_at}; `pixscribe resume a` goes on from there\n"));

    stage.start("", &run);
    computes_beyond(&run, paused_at);
    stage.pixscribe(&["resume", "a"]).refuses(&["`a` is running already (process ", "pixscribe pause a"]);
    assert_eq!(stage.pixscribe(&["checkpoint", "a"]).out, "a is saved\n");
    let said = stage.pixscribe(&["stop", "a"]);
    assert_eq!((said.code, observe(&run).phase), (0, Phase::Stopped), "{said:?}");
    assert_eq!(logged_steps(&run), (1..=last_step(&run)).collect::<Vec<_>>());
    assert_eq!(fs::read_dir(run.commands_dir()).unwrap().count(), 0);
    stage.pixscribe(&["wait", "a"]).refuses(&["`a` did not finish", "stopped at step", "pixscribe resume a"]);
}

#[test]
fn wait_gives_zero_only_to_a_finished_run() {
    let stage = Stage::new();
    let run = stage.create("a");
    stage.start("short", &run);
    let said = stage.pixscribe(&["wait", "a"]);
    assert_eq!((said.code, said.out.as_str()), (0, "a has finished after 20 steps\n"), "{said:?}");
    stage.pixscribe(&["pause", "a"]).refuses(&["it has finished"]);
    stage.pixscribe(&["resume", "a"]).refuses(&["has finished", "--set epochs=N"]);
    let waiting = stage.create("b");
    stage.pixscribe(&["wait", "b"]).refuses(&["no worker was started", "pixscribe resume b"]);
    assert_eq!(observe(&waiting).phase, Phase::Queued);
}

#[test]
fn a_killed_worker_is_interrupted_and_its_run_goes_on_from_the_checkpoint() {
    let stage = Stage::new();
    let run = stage.running("a");
    assert_eq!(send_and_wait(&run, CommandKind::Checkpoint, Duration::from_secs(30)).unwrap(), Answer::Confirmed);
    let saved: u64 = fs::read_to_string(run.weights_dir().join("step")).unwrap().parse().unwrap();
    computes_beyond(&run, saved + 5);
    kill(&run);
    assert_eq!(observe(&run).phase, Phase::Interrupted);
    let listed: serde_json::Value = serde_json::from_str(&stage.pixscribe(&["runs", "--json"]).out).unwrap();
    assert_eq!((&listed[0]["run"], &listed[0]["phase"]), (&"a".into(), &"interrupted".into()));
    stage.pixscribe(&["pause", "a"]).refuses(&["its worker died", "pixscribe resume a"]);
    stage.pixscribe(&["wait", "a"]).refuses(&["its worker died"]);
    // Torn in the middle of a line, as a kill inside a write would leave it.
    let log = fs::read(run.events_path()).unwrap();
    fs::write(run.events_path(), &log[..log.len() - 7]).unwrap();
    stage.start("", &run);
    computes_beyond(&run, saved + 1);
    assert_eq!(stage.pixscribe(&["stop", "a"]).code, 0);
    let history = History::read(&run);
    assert_eq!(history.damaged, 1, "the torn line and no other");
    let steps: Vec<u64> = history.metric("train/loss").unwrap().points().iter().map(|point| point.step).collect();
    assert_eq!(steps, (1..=last_step(&run)).collect::<Vec<_>>());
}

#[test]
fn of_two_workers_on_one_run_the_second_leaves_with_a_reason() {
    let stage = Stage::new();
    let run = stage.running("a");
    let first = pid_of(&run);
    let config = Config::default().runtime;
    assert!(config.launcher.is_empty());
    // `resume` would refuse before it starts anyone; go past it.
    let this = std::env::current_exe().unwrap();
    let arguments = ["--ignored", "--exact", "--nocapture", "--test-threads=2", "a_worker", "--", "--runs"];
    let second = Command::new(this).args(arguments).arg(stage.runs()).args(["--resume", "a"]).output().unwrap();
    let said = Said::of(second);
    assert!(said.code == 1 && said.err.contains("another worker computes it"), "{said:?}");
    let step = last_step(&run);
    computes_beyond(&run, step);
    assert_eq!(pid_of(&run), first);
}

#[test]
fn a_worker_that_dies_at_the_start_says_why() {
    let stage = Stage::new();
    let run = stage.create("a");
    let said = Said::of(stage.command("dies", &["resume", "a"]).output().unwrap());
    said.refuses(&["the worker of `a` did not start (exit status: 1): the data in /nowhere is gone: put it back"]);
    assert_eq!(observe(&run).phase, Phase::Queued);
}

#[test]
fn a_deaf_worker_costs_the_time_allowed_and_the_request_is_taken_back() {
    let stage = Stage::new();
    let run = stage.create("a");
    stage.start("deaf", &run);
    computes_beyond(&run, 0);
    let answer = send_and_wait(&run, CommandKind::Pause, Duration::from_millis(300)).unwrap();
    assert_eq!(answer, Answer::TimedOut);
    assert_eq!(fs::read_dir(run.commands_dir()).unwrap().count(), 0);
    assert_eq!(observe(&run).phase, Phase::Running);
}

#[test]
fn a_worker_that_is_killed_while_it_is_asked_gives_no_answer_and_keeps_nobody_waiting() {
    let stage = Stage::new();
    let run = stage.create("a");
    stage.start("deaf", &run);
    computes_beyond(&run, 0);
    let asked = thread::scope(|scope| {
        let asking = scope.spawn(|| send_and_wait(&run, CommandKind::Stop, Duration::from_secs(60)).unwrap());
        until("the request is there", || fs::read_dir(run.commands_dir()).unwrap().count() == 1);
        kill(&run);
        asking.join().unwrap()
    });
    assert_eq!(asked, Answer::NoWorker(Phase::Interrupted));
    assert_eq!(fs::read_dir(run.commands_dir()).unwrap().count(), 0);
}

#[test]
fn a_refusal_is_told_without_its_control_characters() {
    let stage = Stage::new();
    let run = stage.running("a");
    let answer = send_and_wait(&run, CommandKind::Sample { label: None }, Duration::from_secs(30)).unwrap();
    assert_eq!(answer, Answer::Refused("this model[31m makes no pictures".into()));
}

#[test]
fn a_worker_outlives_the_session_that_started_it() {
    let stage = Stage::new();
    let run = stage.create("a");
    // A shell with a process group of its own stands for the terminal: it is hung up on, then killed.
    let resume = stage.command("", &["resume", "a"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$@\" && sleep 600", "sh"]).arg(resume.get_program()).args(resume.get_args());
    resume.get_envs().for_each(|(key, value)| match value {
        Some(value) => drop(shell.env(key, value)),
        None => drop(shell.env_remove(key)),
    });
    let mut shell = shell.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    computes_beyond(&run, 0);
    let group = Pid::from_raw(shell.id() as i32).unwrap();
    let worker = pid_of(&run);
    assert_eq!(getsid(Some(worker)).unwrap(), worker, "it leads a session of its own");
    kill_process_group(group, Signal::HUP).unwrap();
    let _ = kill_process_group(group, Signal::KILL);
    shell.wait().unwrap();
    let step = last_step(&run);
    computes_beyond(&run, step);
    assert!(test_kill_process(worker).is_ok());
    assert_eq!(stage.pixscribe(&["pause", "a"]).code, 0);
}

#[test]
fn the_slot_of_a_killed_worker_goes_to_the_next_in_the_queue() {
    let stage = Stage::new();
    let first = stage.running("first");
    let (second, third) = (stage.create("second"), stage.create("third"));
    stage.start("", &second);
    until("the second waits", || observe(&second).state.is_some_and(|state| state.queue.is_some()));
    stage.start("", &third);
    let place = || observe(&third).state.and_then(|state| state.queue);
    until("the third waits", || place().is_some());
    assert_eq!(place().map(|queue| (queue.position, queue.behind)), Some((2, Some("second".into()))));
    let table = stage.pixscribe(&["runs"]).out;
    assert!(table.contains("2. behind second"), "{table}");
    assert_eq!(observe(&second).phase, Phase::Queued);
    kill(&first);
    computes_beyond(&second, 0);
    assert_eq!(observe(&third).phase, Phase::Queued);
    assert_eq!(stage.pixscribe(&["pause", "second"]).code, 0);
    computes_beyond(&third, 0);
}

#[test]
fn an_unknown_run_is_answered_with_the_nearest_names() {
    let stage = Stage::new();
    stage.create("cnn-1");
    for command in ["wait", "pause", "resume", "stop", "checkpoint"] {
        stage.pixscribe(&[command, "cnn1"]).refuses(&["no run named `cnn1`", "did you mean `cnn-1`?"]);
        let said = stage.pixscribe(&[command, "../cnn-1"]);
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{said:?}");
    }
}

#[test]
fn a_folder_that_may_only_be_read_is_named() {
    let stage = Stage::new();
    let run = stage.create("a");
    for path in [stage.runs(), run.root().to_path_buf(), run.commands_dir()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
    }
    let mut command = stage.command("", &["resume", "a"]);
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere; nobody may not.
        command.uid(65534).gid(65534);
    }
    let said = match command.output() {
        Ok(output) => Said::of(output),
        Err(error) => return eprintln!("not checked: nobody may not run {command:?}: {error}"),
    };
    said.refuses(&["failed to open", "log.txt", "permission denied"]);
    for path in [run.root().to_path_buf(), run.commands_dir(), stage.runs()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn an_unreadable_state_is_told_and_the_phase_comes_from_the_log() {
    let stage = Stage::new();
    let run = stage.running("a");
    assert_eq!(stage.pixscribe(&["pause", "a"]).code, 0);
    fs::write(run.state_path(), "{\"phase\":").unwrap();
    assert_eq!(observe(&run).phase, Phase::Paused);
    let table = stage.pixscribe(&["runs"]);
    assert!(table.code == 0 && table.out.contains("paused"), "{table:?}");
    stage.start("", &run);
    until("a new state", || observe(&run).phase == Phase::Running);
}

/// A file system of 256 KiB, for as long as this lives.
struct TinyDisk {
    at: tempfile::TempDir,
}

impl TinyDisk {
    /// None where this user may not mount one.
    fn mount() -> Option<TinyDisk> {
        let at = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(at.path()).output();
        mount.is_ok_and(|output| output.status.success()).then_some(TinyDisk { at })
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.at.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_when_there_is_room_again_nothing_is_missing() {
    let Some(disk) = TinyDisk::mount() else { return eprintln!("not checked: no file system can be mounted here") };
    let run = RunDir::create(disk.at.path(), &"a".parse().unwrap(), "").unwrap();
    let lock = RunLock::try_acquire(&run).unwrap().unwrap();
    let mut events = EventWriter::open(&run).unwrap();
    let mut states = StateWriter::new(&run, lock.instance());
    let weights = run.weights_dir().join("last");
    pixscribe::run::atomic_write(&weights, |w| w.write_all(b"old weights")).unwrap();
    states.write_now(&State { phase: Phase::Running, step: 1, ..State::default() });

    let note = |text: String| EventKind::Note { level: "info".into(), text };
    let mut written = 0;
    let mut append = |events: &mut EventWriter| {
        events.append(note(format!("{written} {}", "x".repeat(500))));
        written += 1;
    };
    while events.problem().is_none() {
        append(&mut events);
    }
    (0..200).for_each(|_| append(&mut events));
    assert!(events.waiting() > 200 && events.failures() == 0);
    states.write_now(&State { phase: Phase::Running, step: 2, ..State::default() });
    assert!(states.problem().unwrap().contains("the disk is full"), "{:?}", states.problem());
    let failed = pixscribe::run::atomic_write(&weights, |w| w.write_all(&[0; 100_000])).unwrap_err();
    assert!(failed.is_disk_full(), "{failed}");
    assert_eq!(fs::read(&weights).unwrap(), b"old weights");
    assert_eq!(State::read(&run.state_path()).unwrap().step, 1);
    assert!(pixscribe::run::free_bytes(run.root()).unwrap() < 4096);
    let halves = |folder: &Path| fs::read_dir(folder).unwrap().filter(|e| is_half(e.as_ref().unwrap())).count();
    assert_eq!(halves(run.root()) + halves(&run.weights_dir()), 0, "a failed write leaves nothing behind");

    let larger = Command::new("mount").args(["-o", "remount,size=4m"]).arg(disk.at.path()).status().unwrap();
    assert!(larger.success());
    append(&mut events);
    assert_eq!((events.waiting(), events.problem()), (0, None));
    let history = History::read(&run);
    let told: Vec<&str> = history.lines().iter().map(|line| line.text.split(' ').next().unwrap()).collect();
    assert_eq!(told, (0..written).map(|i| i.to_string()).collect::<Vec<_>>());
    assert!(history.damaged <= 1, "only a line that the disk cut");
}

fn is_half(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with(".half-")
}
