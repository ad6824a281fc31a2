//! Waiting for a worker's answer to a command.

use super::command::{current_instance, live_instance, send_to, withdraw};
use super::{CommandKind, EventKind, EventTail, Liveness, Observation, Phase, RunDir, RunError, observe, plain_text};
use std::thread;
use std::time::{Duration, Instant};

/// How often the log is looked at for the answer.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// An answer given just before one began to wait stands in here.
const ANSWER_WITHIN: u64 = 256 << 10;

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done, or for pause and stop: done and left.
    Confirmed,
    /// The worker said no, and why.
    Refused(String),
    /// Nobody computes the run; the phase it was found in.
    NoWorker(Phase),
    /// No answer in time; the command was taken back.
    TimedOut,
}

/// Sends a command and waits for its answer: for pause and stop until the worker has saved and
/// left, as far as `timeout` allows.
pub fn send_and_wait(run: &RunDir, kind: CommandKind, timeout: Duration) -> Result<Answer, RunError> {
    let deadline = Instant::now() + timeout;
    let Ok(instance) = live_instance(run) else {
        return Ok(Answer::NoWorker(observe(run).phase));
    };
    let leaves = match kind {
        CommandKind::Pause | CommandKind::Stop => true,
        CommandKind::Checkpoint | CommandKind::Sample { .. } => false,
    };
    let tail = EventTail::open_near_end(run.events_path(), 0);
    let id = send_to(run, &instance, kind)?;
    let answer = watch(run, &id, Some(&instance), tail, deadline);
    if answer == Answer::Confirmed && leaves {
        wait_until_left(run, &instance, deadline);
    }
    Ok(answer)
}

/// Waits for the answer to a command that [`super::send_command`] sent.
pub fn await_answer(run: &RunDir, id: &str, timeout: Duration) -> Answer {
    let tail = EventTail::open_near_end(run.events_path(), ANSWER_WITHIN);
    watch(run, id, None, tail, Instant::now() + timeout)
}

fn watch(run: &RunDir, id: &str, instance: Option<&str>, mut tail: EventTail, deadline: Instant) -> Answer {
    loop {
        // Looked at before the log: a worker that answers and leaves in between has answered.
        let seen = observe(run);
        let same = instance.is_none_or(|instance| is_held_by(run, &seen, instance));
        if let Some(answer) = find_answer(&mut tail, id) {
            return answer;
        }
        if seen.liveness == Liveness::Free || !same {
            withdraw(run, id);
            return Answer::NoWorker(seen.phase);
        }
        if Instant::now() >= deadline {
            withdraw(run, id);
            return Answer::TimedOut;
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn is_held_by(run: &RunDir, seen: &Observation, instance: &str) -> bool {
    current_instance(run, seen.state.as_ref()).is_some_and(|current| current == instance)
}

fn find_answer(tail: &mut EventTail, wanted: &str) -> Option<Answer> {
    let mut answer = None;
    tail.drain(|event| match event.kind {
        EventKind::CommandHandled { id, ok, reason } if id == wanted => {
            answer = Some(match ok {
                true => Answer::Confirmed,
                false => Answer::Refused(plain_text(&reason.unwrap_or_default()).into_owned()),
            });
        }
        _ => {}
    });
    answer
}

fn wait_until_left(run: &RunDir, instance: &str, deadline: Instant) {
    while Instant::now() < deadline {
        let seen = observe(run);
        if seen.liveness == Liveness::Free || !is_held_by(run, &seen, instance) {
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
}
