//! A worker that is killed at any moment, also inside a checkpoint's write, and taken up again ends with the very
//! weights of one that nobody touched: byte for byte, on any number of threads.
//!
//! The test suite kills a few times; for the whole ordeal, with the default net too:
//! `PIXSCRIBE_KILLS=20 PIXSCRIBE_WRITE_KILLS=5 PIXSCRIBE_PRESET=default cargo test --release --test workers kill`.

use super::place::Place;
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

/// Lets the worker go on until a checkpoint is half written and kills it there; false when it ended before.
fn kill_inside_a_write(place: &Place, run: &str, mut child: Child) -> bool {
    while child.try_wait().unwrap().is_none() {
        if half_written(&place.weights(run)) {
            kill(child);
            return half_written(&place.weights(run));
        }
    }
    false
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

    for threads in [1, 2] {
        let run = format!("killed-{threads}");
        let mut child = train(&place, &run, threads).spawn().unwrap();
        let kills = from_env("PIXSCRIBE_KILLS", 3);
        for n in 0..kills {
            // So short that the run is not over before the kills are.
            let patience = whole.mul_f64(0.05 + 0.6 * draw((threads * 1000 + n) as u64));
            std::thread::sleep(patience);
            kill(child);
            child = place.resume(&run).spawn().unwrap();
        }
        let (mut inside, due_inside) = (0, from_env("PIXSCRIBE_WRITE_KILLS", 1));
        for _ in 0..20 * due_inside {
            if inside == due_inside || place.phase(&run) == "finished" {
                break;
            }
            inside += usize::from(kill_inside_a_write(&place, &run, child));
            child = place.resume(&run).spawn().unwrap();
        }
        child.wait().unwrap();
        if place.phase(&run) != "finished" {
            place.resume(&run).status().unwrap();
        }
        println!("{threads} threads: {kills} kills at random moments, {inside} inside a write");
        assert_eq!(place.phase(&run), "finished");
        assert!(place.last_checkpoint(&run) == (name.clone(), due.clone()), "other weights after {kills} kills");
        assert!(!half_written(&place.weights(&run)), "what a kill left is cleared away");
    }
}
