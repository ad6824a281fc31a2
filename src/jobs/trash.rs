//! Runs into the trash and out of it, so that the dashboard sees it at once.

use std::path::Path;

use super::board::Board;
use super::order::Text;
use super::view::RunView;
use super::watch;
use crate::run::{RunDir, RunName, put_in_trash, undo_trash};

/// Moves a run into the trash.
pub fn put(runs_root: &Path, name: &RunName, board: &Board) -> Result<(), Text> {
    let run = RunDir::open(runs_root, name).map_err(Text::of)?;
    put_in_trash(&run).map_err(Text::of)?;
    board.forget(name);
    Ok(())
}

/// Brings back the run that came last; its name, and its view where that is news.
pub fn bring_back(runs_root: &Path, board: &Board) -> Result<(RunName, Option<RunView>), Text> {
    let run = undo_trash(runs_root, None, None).map_err(Text::of)?;
    Ok((run.name().clone(), watch::look(&run, board)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_comes_back_as_it_was_is_news() {
        let root = tempfile::tempdir().unwrap();
        let (board, name): (Board, RunName) = (Board::default(), "a".parse().unwrap());
        let run = RunDir::create(root.path(), &name, "").unwrap();
        watch::look(&run, &board).unwrap();
        put(root.path(), &name, &board).unwrap();
        assert!(put(root.path(), &name, &board).unwrap_err().as_str().contains("no run named `a`"));
        let (back, view) = bring_back(root.path(), &board).unwrap();
        assert_eq!((back, view.is_some()), (name, true));
        assert!(bring_back(root.path(), &board).unwrap_err().as_str().contains("the trash is empty"));
    }
}
