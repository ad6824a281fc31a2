//! How a process has its memory from the kernel: one that computes keeps what it freed, on huge pages; the dashboard has
//! small pages.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::thread::disable_transparent_huge_pages;

use super::launch::this_program;

/// Told to mimalloc before a process begins: freed pages are kept for the next buffers and never given back to the
/// kernel, which would clear them anew. The peak of memory is the same.
const KEEP_PAGES: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

/// Commands whose process computes for long.
const COMPUTING: [&str; 6] = ["train", "bench", "eval", "caption", "generate", "restore"];

/// For the second line of `main`: a process that is to compute becomes itself once more with [`KEEP_PAGES`], unless whoever
/// started it has chosen otherwise. If it cannot, it computes all the same, only slower.
pub fn keep_if_computing(arguments: impl Iterator<Item = OsString>) {
    let all: Vec<OsString> = arguments.skip(1).collect();
    if !all.iter().any(|argument| COMPUTING.iter().any(|word| argument == word)) {
        return;
    }
    // What the dashboard chose for itself is inherited by what it starts.
    let _ = disable_transparent_huge_pages(false);
    if env::var_os(KEEP_PAGES.0).is_some() {
        return;
    }
    if let Ok(program) = this_program() {
        let _ = Command::new(program).args(all).env(KEEP_PAGES.0, KEEP_PAGES.1).exec();
    }
}

/// For a process that lives from its first second: clearing two megabytes before the first of them is used takes longer,
/// above all on a virtual machine that has to be given them first, than reading the log that they are for.
pub fn keep_small() {
    let _ = disable_transparent_huge_pages(true);
}
