//! Asking before something is deleted for good.

use std::io::{self, IsTerminal, Write};

use super::CliError;

/// Nobody is there to be asked.
#[derive(Debug, thiserror::Error)]
#[error(
    "nothing was deleted: without a terminal nobody can be asked, so repeat it with --yes if that is what you want"
)]
struct NobodyToAsk;

/// Whether to go on: `yes` says so, else whoever sits at the terminal.
pub(super) fn asked(question: &str, yes: bool) -> Result<bool, CliError> {
    if yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(NobodyToAsk.into());
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    let agreed = is_yes(&answer);
    if !agreed {
        println!("nothing was deleted");
    }
    Ok(agreed)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(is_yes("y\n") && is_yes(" Yes \n"));
        assert!(["", "\n", "n\n", "yesterday\n"].iter().all(|answer| !is_yes(answer)));
    }
}
