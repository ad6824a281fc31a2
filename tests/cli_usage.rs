//! The program as scripts see it: exit codes, one sentence on stderr, JSON alone on stdout.

use std::io::Read;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

/// pixscribe in a folder of its own, with nothing of the tester's settings.
struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Exit code, stdout, stderr.
    fn run(&self, line: &str) -> (i32, String, String) {
        let mut command = Command::cargo_bin("pixscribe").unwrap();
        command.current_dir(self.folder.path()).args(line.split_whitespace());
        command.env("XDG_CONFIG_HOME", self.folder.path().join("home")).env("PIXSCRIBE_STATE_DIR", self.folder.path());
        command.env_remove("RUST_BACKTRACE").timeout(Duration::from_secs(60));
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

#[test]
fn a_model_that_does_not_exist_is_refused_with_those_that_do() {
    let (code, out, err) = Program::new().run("train abacus");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("invalid value 'abacus'") && err.contains("cnn, gan, diffusion"), "{err}");
}

#[test]
fn flags_of_the_dashboard_are_refused_with_a_command() {
    let (code, _, err) = Program::new().run("--once runs");
    assert_eq!(code, 2);
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn a_wrong_set_is_wrong_usage_and_a_wrong_file_is_a_failure() {
    let program = Program::new();
    let (code, _, err) = program.run("train cnn --set epocs=3");
    assert_eq!(code, 2);
    assert!(err.contains("did you mean `cnn.epochs`?") && err.lines().count() == 1, "{err}");
    program.write("config.toml", "[cnn]\nepochs = \"many\"\n");
    let (code, out, err) = program.run("train cnn");
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        err,
        "pixscribe: config.toml: cnn.epochs = \"many\" is not allowed: it must be a whole number from 1 to 10000\n"
    );
}

#[test]
fn the_users_own_settings_count_where_the_folder_has_none() {
    let program = Program::new();
    std::fs::create_dir_all(program.folder.path().join("home/pixscribe")).unwrap();
    program.write("home/pixscribe/config.toml", "[cnn]\nno = 1\n");
    let (code, _, err) = program.run("train cnn");
    assert!(code == 1 && err.contains("home/pixscribe/config.toml: there is no setting `cnn.no`"), "{err}");
    program.write("config.toml", "[cnn]\nnor = 1\n");
    assert!(program.run("train cnn").2.contains(" config.toml: there is no setting `cnn.nor`"));
}

#[test]
fn predict_says_each_picture_in_a_line_of_its_own_and_goes_on_behind_a_broken_one() {
    let program = Program::new();
    program.write("broken.png", "no picture");
    for name in ["a.png", "b.png"] {
        image::RgbImage::from_pixel(40, 32, image::Rgb([90; 3])).save(program.folder.path().join(name)).unwrap();
    }
    let (code, out, err) = program.run("predict --jsonl a.png broken.png b.png");
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((code, lines.len()), (1, 3), "{err}");
    assert!(lines[1]["error"].as_str().is_some_and(|why| why.contains("broken.png")), "{out}");
    for (line, path) in [(&lines[0], "a.png"), (&lines[2], "b.png")] {
        assert!(line["path"] == path && line["label"].is_string() && line["probabilities"].is_object(), "{line}");
    }
    assert!(err.contains("1 of 3"), "{err}");
    assert_eq!(program.run("predict --json --jsonl a.png").0, 2, "one form or the other");
}

#[test]
fn bench_measures_steps_and_leaves_nothing_behind() {
    let program = Program::new();
    let sample = concat!("--set data.path=", env!("CARGO_MANIFEST_DIR"), "/data/sample");
    let line =
        format!("bench cnn {sample} --set preset=plain --set runtime.threads=1 --batch 2 --steps 2 --losses --json");
    let (code, out, err) = program.run(&line);
    assert_eq!((code, err.as_str()), (0, ""));
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["model"], &report["preset"]), (&"cnn".into(), &"plain".into()));
    let numbers = ["batch", "steps", "threads"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(numbers, [2, 2, 1]);
    let [ms, rate, mib] = ["ms_per_step", "images_per_s", "peak_rss_mib"].map(|key| report[key].as_f64().unwrap());
    assert!((rate * ms - 2000.0).abs() < 1e-6 && mib > 1.0, "{out}");
    assert_eq!(report["losses"].as_array().unwrap().len(), 5, "three steps come before those that are timed");
    let (code, out, err) = program.run(&format!("bench cnn {sample} --set preset=plain --batch 3000"));
    assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1));
    assert!(err.contains("not 3000") && err.contains("--batch"), "{err}");
    assert_eq!(program.run("bench --set epochs=3").0, 2, "a bare key belongs to a model");
    assert_eq!(std::fs::read_dir(program.folder.path()).unwrap().count(), 0);
}

#[test]
fn doctor_speaks_json_alone_and_goes_on_past_wrong_settings() {
    let program = Program::new();
    program.write("config.toml", "[ui]\ngraphics = 3\n");
    let (code, out, err) = program.run("doctor --json");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, report["ok"].as_bool()), (1, Some(false)));
    assert_eq!(err.lines().count(), 1, "{err}");
    let findings = report["findings"].as_array().unwrap();
    let of = |name: &str| findings.iter().find(|finding| finding["name"] == name).unwrap();
    assert_eq!(of("settings")["status"], "problem");
    for name in ["terminal", "data", "cpu", "gpu", "runs folder", "state folder", "disk", "logout"] {
        assert!(of(name)["text"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}

#[test]
fn doctor_waits_for_no_terminal_that_does_not_answer() {
    let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
    let program = Program::new();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pixscribe"));
    command.arg("doctor");
    command.cwd(program.folder.path());
    command.env("TERM", "xterm-256color");
    command.env_remove("TMUX");
    command.env_remove("STY");
    let started = Instant::now();
    let mut child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut screen = String::new();
    let mut reader = pty.master.try_clone_reader().unwrap();
    // On Linux the read fails once the child is gone; what was read until then stands.
    let _ = reader.read_to_string(&mut screen);
    child.wait().unwrap();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(screen.contains("it does not answer questions"), "{screen}");
    assert!(screen.contains("80 columns by 24 rows"), "{screen}");
}
