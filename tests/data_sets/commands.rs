//! `pixscribe data`, as scripts call it.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use crate::fixture::*;

/// `pixscribe data …` in an empty folder of its own, with the user's own settings out of sight.
fn data(args: &[&str]) -> assert_cmd::assert::Assert {
    let cwd = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("pixscribe").unwrap();
    command.current_dir(&cwd).env("HOME", cwd.path()).env("XDG_CONFIG_HOME", cwd.path());
    command.env_remove("RUST_BACKTRACE");
    command.arg("data").args(args).assert()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_slice(&data(args).success().get_output().stdout).unwrap()
}

fn set(path: &Path) -> String {
    format!("data.path={}", path.display())
}

#[test]
fn info_describes_the_set_that_is_named() {
    let dir = folder(&binary_files());
    let info = json(&["info", "--json", "--set", &set(dir.path())]);
    assert_eq!(info["path"], dir.path().to_str().unwrap());
    assert_eq!((&info["train"]["images"], &info["test"]["images"]), (&30.into(), &10.into()));
    assert_eq!(info["train"]["per_class"]["airplane"], 3);
    assert_eq!(info["labels"][9], "truck");
    assert_eq!(info["known"], Value::Null);
    let mean = train().channel_stats().mean;
    assert!((info["mean"][0].as_f64().unwrap() - f64::from(mean[0])).abs() < 1e-6);
    let text = data(&["info", "--set", &set(dir.path())]).success();
    let text = String::from_utf8_lossy(&text.get_output().stdout).into_owned();
    assert!(text.contains("used because data.path names it") && text.contains("automobile"), "{text}");
}

#[test]
fn without_a_name_the_repositorys_own_data_is_found_from_anywhere() {
    let info = json(&["info", "--json"]);
    assert!(["sample", "cifar10"].contains(&info["known"].as_str().unwrap()), "{info}");
}

#[test]
fn verify_passes_what_is_in_order_and_fails_what_is_not() {
    let dir = folder(&binary_files());
    let report = json(&["verify", "--json", "--set", &set(dir.path())]);
    assert_eq!((&report["ok"], report["files"].as_array().unwrap().len()), (&true.into(), 3));
    let mut files = binary_files();
    files[2].1.truncate(3073); // a test split of airplanes only
    let dir = folder(&files);
    let failed = data(&["verify", "--json", "--set", &set(dir.path())]).failure().code(1);
    let report: Value = serde_json::from_slice(&failed.get_output().stdout).unwrap();
    assert_eq!((&report["ok"], report["problems"].as_array().unwrap().len()), (&false.into(), 9));
    let message = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(message.contains("the test split has no image of truck"), "{message}");
    files[2].1.pop();
    let dir = folder(&files);
    let failed = data(&["verify", "--set", &set(dir.path())]).failure().code(1);
    let message = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(message.contains("test_batch.bin is 3072 bytes long"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn sample_cuts_a_balanced_set() {
    let (dir, out) = (folder(&binary_files()), tempfile::tempdir().unwrap());
    let out = out.path().join("small");
    let arguments = |train| {
        let from = dir.path().to_str().unwrap().to_string();
        ["sample", "--from", &from, "-o", out.to_str().unwrap(), "--train", train, "--test", "10"].map(String::from)
    };
    let call = |train| data(&arguments(train).each_ref().map(String::as_str));
    call("20").success();
    assert_eq!(json(&["info", "--json", "--set", &set(&out)])["train"]["per_class"]["frog"], 2);
    let again = call("10").failure().code(1);
    assert!(String::from_utf8_lossy(&again.get_output().stderr).contains("exists already"));
    call("0").failure().code(2);
}
