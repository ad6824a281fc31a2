//! Looking after all runs of a folder: a slow sweep finds them, a task of its own looks after each live one, and
//! another measures their size on disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::board::{Board, stamp_of};
use super::order::{Text, Update};
use super::outbox::{Closed, Outbox};
use super::view::RunView;
use crate::run::{Liveness, Pulse, RunDir, RunName, observe, observe_with};

/// How often the folder is swept where that is cheap.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// A sweep may take one part in so many of the time: a folder of 10,000 runs is swept less often, up to a limit.
const SWEEP_SHARE: u32 = 400;
const SWEEP_AT_LEAST_EVERY: Duration = Duration::from_secs(5);
/// How often a live run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks between two probes of the lock while the state stands still.
const PROBE_EVERY: u32 = 4;
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// How long one round of measuring may read folders.
const MEASURE_FOR: Duration = Duration::from_millis(20);
/// Runs told at once: the first are on the screen while the last are still being read.
const BATCH: usize = 128;

/// Sweeps the folder until the dashboard is gone.
pub async fn sweep_for_ever(root: PathBuf, board: Board, outbox: Outbox) {
    let mut told = None;
    loop {
        let begun = Instant::now();
        let Ok(listed) = list(&root).await else { return };
        let (runs, trouble) = match listed {
            Ok(runs) => (runs, None),
            Err(text) => (Vec::new(), Some(text.as_str().to_owned())),
        };
        if trouble.is_none() && sweep(runs, &root, &board, &outbox).await.is_err() {
            return;
        }
        if told.as_ref() != Some(&trouble) {
            told = Some(trouble.clone());
            if outbox.send(Update::Scanned { trouble }).await.is_err() {
                return;
            }
        }
        sleep((begun.elapsed() * SWEEP_SHARE).clamp(SWEEP_EVERY, SWEEP_AT_LEAST_EVERY)).await;
    }
}

async fn list(root: &Path) -> Result<Result<Vec<RunDir>, Text>, tokio::task::JoinError> {
    let root = root.to_owned();
    spawn_blocking(move || RunDir::list(&root).map_err(Text::of)).await
}

async fn sweep(runs: Vec<RunDir>, root: &Path, board: &Board, outbox: &Outbox) -> Result<(), Closed> {
    let gone = board.keep_only(&runs.iter().map(RunDir::name).collect::<BTreeSet<_>>());
    if !gone.is_empty() {
        outbox.send(Update::Runs { changed: Vec::new(), gone }).await?;
    }
    for batch in runs.chunks(BATCH) {
        let (batch, board) = (batch.to_vec(), board.clone());
        let looked = spawn_blocking(move || look_at_due(&batch, &board)).await.map_err(|_| Closed)?;
        if !looked.is_empty() {
            outbox.send(Update::changed(looked)).await?;
        }
    }
    for name in board.take_live() {
        if let Ok(run) = RunDir::open(root, &name) {
            tokio::spawn(supervise(run, board.clone(), outbox.clone()));
        }
    }
    Ok(())
}

fn look_at_due(runs: &[RunDir], board: &Board) -> Vec<RunView> {
    let due = runs.iter().filter(|run| board.is_due(run, stamp_of(run)));
    due.filter_map(|run| look(run, board)).collect()
}

/// Looks at a run now; gives its view if that is a difference.
pub fn look(run: &RunDir, board: &Board) -> Option<RunView> {
    let stamp = stamp_of(run);
    board.note(run.name(), observe(run), stamp)
}

/// Looks after one live run until it is live no more.
async fn supervise(run: RunDir, board: Board, outbox: Outbox) {
    let mut pulse = Pulse::default();
    let mut before = None;
    let mut is_leaving = false;
    for look in 0u32.. {
        sleep(LOOK_EVERY).await;
        let (dir, mut beat) = (run.clone(), pulse.clone());
        let looked = spawn_blocking(move || {
            let stamp = stamp_of(&dir);
            let due = is_leaving || before != Some(stamp) || look % PROBE_EVERY == 0;
            let seen = due.then(|| observe_with(&dir, |state| beat.observe(&dir, state)));
            (stamp, seen, beat)
        });
        let Ok((stamp, seen, beat)) = looked.await else { break };
        (before, pulse) = (Some(stamp), beat);
        let Some(seen) = seen else { continue };
        let is_live = seen.phase.is_live();
        // Its state will not change again, so nobody would notice later that the lock is free.
        is_leaving = !is_live && seen.liveness == Liveness::Live;
        if let Some(view) = board.note(run.name(), seen, stamp)
            && outbox.send(Update::changed(vec![view])).await.is_err()
        {
            break;
        }
        if !is_live && !is_leaving {
            break;
        }
    }
    board.release(run.name());
}

/// Measures the runs' size on disk, a few at a time.
pub async fn measure_for_ever(root: PathBuf, board: Board, outbox: Outbox) {
    loop {
        let waiting = board.to_measure();
        let is_behind = waiting.len() > 1;
        let (root, board_there) = (root.clone(), board.clone());
        let Ok(measured) = spawn_blocking(move || measure(waiting, &root, &board_there)).await else { return };
        if !measured.is_empty() && outbox.send(Update::changed(measured)).await.is_err() {
            return;
        }
        // While many wait, a little more often: still no more than a few per cent of one core.
        sleep(if is_behind { MEASURE_EVERY / 10 } else { MEASURE_EVERY }).await;
    }
}

fn measure(waiting: Vec<RunName>, root: &Path, board: &Board) -> Vec<RunView> {
    let begun = Instant::now();
    let runs = waiting.iter().take_while(|_| begun.elapsed() < MEASURE_FOR);
    runs.filter_map(|name| {
        let run = RunDir::open(root, name).ok()?;
        board.note_size(name, run.size_bytes())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Phase, RunLock, State, StateWriter};
    use tokio::sync::mpsc::Receiver;
    use tokio::time::timeout;

    fn write(run: &RunDir, instance: &str, phase: Phase, step: u64) {
        let state = State { phase, step, ..State::default() };
        StateWriter::new(run, instance).write_now(&state);
    }

    /// The next view of a run that `wanted` accepts.
    async fn view(updates: &mut Receiver<Update>, wanted: impl Fn(&RunView) -> bool) -> RunView {
        loop {
            let update = timeout(Duration::from_secs(20), updates.recv()).await.unwrap().unwrap();
            if let Update::Runs { changed, .. } = update
                && let Some(view) = changed.into_iter().find(&wanted)
            {
                return view;
            }
        }
    }

    #[tokio::test]
    async fn a_run_is_found_followed_and_its_death_noticed() {
        let root = tempfile::tempdir().unwrap();
        let (outbox, mut updates) = Outbox::channel();
        let board = Board::default();
        tokio::spawn(sweep_for_ever(root.path().into(), board, outbox));
        assert!(matches!(updates.recv().await, Some(Update::Scanned { trouble: None })));

        let run = RunDir::create(root.path(), &"a".parse().unwrap(), "").unwrap();
        let seen = view(&mut updates, |_| true).await;
        assert_eq!((seen.phase, seen.can_resume), (Phase::Queued, true));

        let lock = RunLock::try_acquire(&run).unwrap().unwrap();
        write(&run, lock.instance(), Phase::Running, 7);
        let seen = view(&mut updates, |view| view.phase == Phase::Running).await;
        assert_eq!(seen.state.map(|state| state.step), Some(7));

        drop(lock);
        let seen = view(&mut updates, |view| view.phase == Phase::Interrupted).await;
        assert!(seen.can_resume);

        std::fs::remove_dir_all(run.root()).unwrap();
        loop {
            let update = timeout(Duration::from_secs(20), updates.recv()).await.unwrap().unwrap();
            if matches!(&update, Update::Runs { gone, .. } if gone.len() == 1) {
                break;
            }
        }
    }

    #[tokio::test]
    async fn sizes_are_measured_once_for_each_state() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse().unwrap(), "epochs = 1").unwrap();
        let board = Board::default();
        look_at_due(std::slice::from_ref(&run), &board);
        let measured = measure(board.to_measure(), root.path(), &board);
        assert!(measured[0].bytes > Some(10), "{measured:?}");
        assert!(board.to_measure().is_empty());
        write(&run, "me", Phase::Paused, 3);
        assert_eq!(look_at_due(&[run], &board)[0].bytes, measured[0].bytes);
        assert_eq!(board.to_measure().len(), 1);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_read_is_said_once() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (outbox, mut updates) = Outbox::channel();
        tokio::spawn(sweep_for_ever(file.clone(), Board::default(), outbox));
        match updates.recv().await {
            Some(Update::Scanned { trouble: Some(text) }) => assert!(text.contains("file"), "{text}"),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_stands_still_is_told_once() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::create(root.path(), &"a".parse().unwrap(), "").unwrap();
        let board = Board::default();
        assert_eq!(look_at_due(std::slice::from_ref(&run), &board).len(), 1);
        assert_eq!(look_at_due(std::slice::from_ref(&run), &board).len(), 0);
        write(&run, "me", Phase::Paused, 3);
        assert_eq!(look_at_due(&[run], &board).len(), 1);
    }
}
