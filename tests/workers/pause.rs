//! Pausing: answered at once, also while an epoch is measured; the slot goes to the next in the queue; nothing is
//! repeated or skipped afterwards.

use super::place::{Place, Worker, wait_until};

const SHORT: [&str; 2] = ["preset=plain", "epochs=4"];

fn is_kind(event: &serde_json::Value, kind: &str) -> bool {
    event["kind"] == kind
}

fn logged_steps(place: &Place, run: &str) -> Vec<u64> {
    let events = place.events(run);
    events.iter().filter(|event| is_kind(event, "metrics")).map(|event| event["step"].as_u64().unwrap()).collect()
}

/// Time from when the worker took the command until it had saved and said so.
fn answer_ms(place: &Place, run: &str) -> u64 {
    let events = place.events(run);
    let at = |kind: &str, phase: &str| {
        let fits = |event: &&serde_json::Value| is_kind(event, kind) && (phase.is_empty() || event["phase"] == phase);
        events.iter().rfind(fits).unwrap()["t_ms"].as_u64().unwrap()
    };
    at("command_handled", "") - at("phase_changed", "pausing")
}

/// Pauses a run once `ready` holds, resumes it, and checks that it ends like an untouched one.
fn pause_when(place: &Place, run: &str, sets: &[&str], ready: impl Fn() -> bool) {
    let mut worker = Worker(place.train(run, sets).spawn().unwrap());
    wait_until("it is time to pause", ready);
    place.ask("pause", run);
    worker.0.wait().unwrap();
    assert_eq!(place.phase(run), "paused");
    println!("{run}: answered in {} ms", answer_ms(place, run));
    assert!(place.resume(run).status().unwrap().success());
    assert!(place.last_checkpoint(run) == place.last_checkpoint("untouched"), "{run} has other weights");
    let steps = logged_steps(place, run);
    assert_eq!(steps, (1..=steps.len() as u64).collect::<Vec<_>>(), "a step was repeated or skipped");
    let epochs = place.events(run).iter().filter(|event| is_kind(event, "epoch_finished")).count();
    assert_eq!(epochs as u64, place.state(run)["epochs"].as_u64().unwrap());
}

#[test]
fn a_paused_run_goes_on_where_it_was_also_from_within_a_validation() {
    let place = Place::new();
    assert!(place.train("untouched", &SHORT).status().unwrap().success());
    pause_when(&place, "in-training", &SHORT, || logged_steps(&place, "in-training").len() > 2);
    // 1,800 images in batches of 128 are 14 steps: after the 14th comes the validation.
    pause_when(&place, "in-validation", &SHORT, || logged_steps(&place, "in-validation").len() >= 14);
}

#[test]
fn a_pause_frees_the_slot_for_the_next_in_the_queue() {
    let place = Place::new();
    let long = ["preset=plain", "epochs=500"];
    let mut first = Worker(place.train("first", &long).spawn().unwrap());
    wait_until("the first run computes", || place.phase("first") == "running");
    let mut second = Worker(place.train("second", &long).spawn().unwrap());
    wait_until("the second run waits", || place.state("second")["queue"]["behind"] == "first");
    assert_eq!(place.phase("second"), "queued");

    place.ask("pause", "first");
    first.0.wait().unwrap();
    wait_until("the second run computes", || place.phase("second") == "running");

    // A run that is taken up again stands before the new ones.
    let mut third = Worker(place.train("third", &long).spawn().unwrap());
    wait_until("the third run waits", || place.state("third")["queue"]["position"] == 1);
    let mut first = Worker(place.resume("first").spawn().unwrap());
    wait_until("the first run waits in front", || place.state("third")["queue"]["behind"] == "first");
    place.ask("stop", "second");
    second.0.wait().unwrap();
    assert_eq!(place.phase("second"), "stopped");
    wait_until("the first run goes on", || place.phase("first") == "running");

    // A run that waits can be paused and stopped as well.
    place.ask("stop", "third");
    third.0.wait().unwrap();
    assert_eq!(place.phase("third"), "stopped");
    place.ask("pause", "first");
    first.0.wait().unwrap();
}
