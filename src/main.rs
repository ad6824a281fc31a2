use std::process::ExitCode;

use pixscribe::cli::{self, Failure};
use pixscribe::jobs::launch::{detach_if_asked, keep_if_computing};

/// A training step asks for the same large buffers as the one before it. glibc gives them back to the kernel in
/// between, and clearing their pages anew takes longer than batch norm itself; mimalloc keeps them, on huge pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(reason) = detach_if_asked(std::env::args_os()) {
        eprintln!("pixscribe: {reason}");
        return ExitCode::FAILURE;
    }
    keep_if_computing(std::env::args_os());
    if let Err(error) = color_eyre::install() {
        eprintln!("pixscribe: error reports will be plain: {error}");
    }
    match cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.exit_code();
            report(failure);
            code
        }
    }
}

/// One sentence for people; the whole story for whoever asks for it.
fn report(failure: Failure) {
    eprintln!("pixscribe: {}", failure.sentence());
    let asked = |name| std::env::var_os(name).is_some_and(|value| value != "0");
    if failure.verbose || asked("RUST_BACKTRACE") {
        eprintln!("{:?}", color_eyre::eyre::eyre!(failure.error));
    }
}
