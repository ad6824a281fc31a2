//! A worker that is killed at any moment, also inside a checkpoint's write, and taken up again ends with the very
//! weights of one that nobody touched: byte for byte, on any number of threads.
//!
//! The test suite kills a few times; for the whole ordeal, with the default net too:
//! `PIXSCRIBE_KILLS=20 PIXSCRIBE_WRITE_KILLS=5 PIXSCRIBE_PRESET=default cargo test --release --test workers kill`.

use super::place::{Place, wait_until};
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Instant;

fn from_env(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A short training of the net that the environment names.
fn train(place: &Place, run: &str, threads: usize) -> Command {
    let preset = std::env::var("PIXSCRIBE_PRESET").unwrap_or_else(|_| "plain".to_owned());
    place.train(run, &[&format!("preset={preset}"), "epochs=4", &format!("runtime.threads={threads}")])
}

/// A number from 0 to 1 that differs from call to call and is the same in every test run.
fn draw(n: u64) -> f64 {
    f64::from(pixscribe::ops::random::unit(17, "kill", 0, n))
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A file is being written, and not yet under its name.
fn half_written(weights: &Path) -> bool {
    let Ok(entries) = fs::read_dir(weights) else { return false };
    entries.flatten().any(|entry| !entry.file_name().to_string_lossy().ends_with(".safetensors"))
}

/// Lets the worker go on until a checkpoint is half written and kills it: whether that was still so when it died. None
/// when the worker ended before.
fn kill_inside_a_write(place: &Place, run: &str, child: &mut Child) -> Option<bool> {
    let weights = place.weights(run);
    // What the last kill left; a new worker clears it away first of all.
    wait_until("the leavings are cleared away", || !half_written(&weights) || child.try_wait().unwrap().is_some());
    while child.try_wait().unwrap().is_none() {
        if half_written(&weights) {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some(half_written(&weights));
        }
    }
    None
}

#[test]
fn killed_workers_end_with_the_bytes_of_an_untouched_one() {
    let place = Place::new();
    let begun = Instant::now();
    assert!(train(&place, "untouched", 2).status().unwrap().success());
    let whole = begun.elapsed();
    let (name, due) = place.last_checkpoint("untouched");
    assert!(train(&place, "one-thread", 1).status().unwrap().success());
    assert!(place.last_checkpoint("one-thread") == (name.clone(), due.clone()), "threads change the weights");

    let kills = from_env("PIXSCRIBE_KILLS", 3);
    let write_kills = from_env("PIXSCRIBE_WRITE_KILLS", 1);
    for threads in [1, 2] {
        let (mut killed, mut inside, mut rounds) = (0, 0, 0);
        while killed < kills || inside < write_kills {
            rounds += 1;
            let run = format!("killed-{threads}-{rounds}");
            let mut child = train(&place, &run, threads).spawn().unwrap();
            while killed < kills {
                std::thread::sleep(whole.mul_f64(0.05 + 0.45 * draw((1000 * threads + killed) as u64)));
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                kill(child);
                killed += 1;
                child = place.resume(&run).spawn().unwrap();
            }
            while killed == kills && inside < write_kills {
                let Some(landed) = kill_inside_a_write(&place, &run, &mut child) else { break };
                inside += usize::from(landed);
                child = place.resume(&run).spawn().unwrap();
            }
            child.wait().unwrap();
            assert_eq!(place.phase(&run), "finished");
            assert!(place.last_checkpoint(&run) == (name.clone(), due.clone()), "{run} has other weights");
            assert!(!half_written(&place.weights(&run)), "what a kill left is cleared away");
        }
        println!("{threads} threads: {killed} kills at random moments, {inside} inside a write, in {rounds} runs");
    }
}
