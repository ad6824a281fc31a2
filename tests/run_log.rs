//! A log cut anywhere, or with any one byte changed, gives back every record that the change did not touch.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use pixscribe::run::{Event, EventKind, Num, Phase, read_events};
use proptest::prelude::*;

/// A log and where in it each record's JSON stands, its newline not counted.
struct Log {
    bytes: Vec<u8>,
    records: Vec<(Range<usize>, Event)>,
}

impl Log {
    fn of(kinds: Vec<EventKind>) -> Log {
        let mut log = Log { bytes: Vec::new(), records: Vec::new() };
        for (i, kind) in kinds.into_iter().enumerate() {
            let i = i as u64;
            let event = Event::new(i, 1_700_000_000_000 + i, 10 * i, kind);
            let start = log.bytes.len();
            log.bytes.extend(event.to_line().unwrap().into_bytes());
            log.records.push((start..log.bytes.len() - 1, event));
        }
        log
    }

    fn whole_within(&self, len: usize) -> Vec<Event> {
        self.records.iter().filter(|(at, _)| at.end <= len).map(|(_, event)| event.clone()).collect()
    }

    fn untouched_by(&self, changed: usize) -> Vec<Event> {
        self.records.iter().filter(|(at, _)| !at.contains(&changed)).map(|(_, event)| event.clone()).collect()
    }
}

fn read(path: &Path, bytes: &[u8]) -> (Vec<Event>, u64) {
    std::fs::write(path, bytes).unwrap();
    read_events(path).unwrap()
}

/// All of `wanted`, in order, with at most one record more: the changed one, if it still reads as something.
fn is_all_of(wanted: &[Event], got: &[Event]) -> bool {
    let mut rest = got.iter();
    got.len() <= wanted.len() + 1 && wanted.iter().all(|event| rest.any(|other| other == event))
}

fn small() -> Log {
    let values = BTreeMap::from([("train/loss".to_owned(), Num(0.5)), ("lr".to_owned(), Num(f64::NAN))]);
    Log::of(vec![
        EventKind::Metrics { step: 1, epoch: 0.5, values },
        EventKind::Note { level: "info".into(), text: "é \"{\\\"seq\\\":1}\"\n".into() },
        EventKind::PhaseChanged { phase: Phase::Paused, reason: None },
        EventKind::Finished { step: 1, epoch: 1, values: BTreeMap::new() },
    ])
}

#[test]
fn a_small_log_cut_at_every_offset() {
    let log = small();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    for cut in 0..=log.bytes.len() {
        let (got, damaged) = read(&path, &log.bytes[..cut]);
        assert_eq!((got, damaged), (log.whole_within(cut), 0), "cut at {cut}");
    }
}

#[test]
fn a_small_log_with_every_byte_changed_to_every_other() {
    let log = small();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    std::fs::write(&path, &log.bytes).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    for (at, &was) in log.bytes.iter().enumerate() {
        let untouched = log.untouched_by(at);
        for other in (0..=u8::MAX).filter(|other| *other != was) {
            file.write_all_at(&[other], at as u64).unwrap();
            let (got, _) = read_events(&path).unwrap();
            assert!(is_all_of(&untouched, &got), "byte {at} from {was:#04x} to {other:#04x}: {got:#?}");
        }
        file.write_all_at(&[was], at as u64).unwrap();
    }
}

fn any_kind() -> impl Strategy<Value = EventKind> {
    let text = || any::<String>();
    let num = prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY)].prop_map(Num);
    let values = prop::collection::btree_map("[a-z/\"\\\\{}é]{1,9}", num, 0..6);
    let confusion = (text(), 0u64..9, prop::collection::vec(text(), 0..4)).prop_map(|(split, epoch, labels)| {
        let matrix = vec![vec![epoch; labels.len()]; labels.len()];
        EventKind::Confusion { split, epoch, labels, matrix }
    });
    prop_oneof![
        4 => (any::<u64>(), -1e300f64..1e300, values.clone())
            .prop_map(|(step, epoch, values)| EventKind::Metrics { step, epoch, values }),
        1 => (any::<u64>(), any::<u64>(), values)
            .prop_map(|(step, epoch, values)| EventKind::EpochFinished { epoch, step, values }),
        1 => confusion,
        1 => (text(), text()).prop_map(|(level, text)| EventKind::Note { level, text }),
        1 => (text(), any::<bool>(), prop::option::of(text()))
            .prop_map(|(id, ok, reason)| EventKind::CommandHandled { id, ok, reason }),
        1 => (text(), text(), prop::option::of(any::<u64>())).prop_map(|(instance, model, resumed_from_step)| {
            let (config_hash, data_sha256) = (String::new(), String::new());
            EventKind::Hello { schema: 1, instance, model, config_hash, data_sha256, resumed_from_step }
        }),
    ]
}

fn any_log() -> impl Strategy<Value = Log> {
    prop::collection::vec(any_kind(), 1..12).prop_map(Log::of)
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes))
    }
}

proptest! {
    #[test]
    fn any_log_reads_back_as_written(log in any_log()) {
        let dir = tempfile::tempdir().unwrap();
        let (got, damaged) = read(&dir.path().join("l"), &log.bytes);
        prop_assert_eq!(got, log.whole_within(usize::MAX));
        prop_assert_eq!(damaged, 0);
    }

    #[test]
    fn any_log_cut_anywhere(log in any_log(), at in any::<prop::sample::Index>()) {
        let dir = tempfile::tempdir().unwrap();
        let cut = at.index(log.bytes.len() + 1);
        let (got, damaged) = read(&dir.path().join("l"), &log.bytes[..cut]);
        prop_assert_eq!(got, log.whole_within(cut));
        prop_assert_eq!(damaged, 0);
    }

    #[test]
    fn any_log_with_any_byte_changed(log in any_log(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = log.bytes.clone();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        let (got, _) = read(&dir.path().join("l"), &bytes);
        prop_assert!(is_all_of(&log.untouched_by(at), &got), "{got:#?}");
    }

    #[test]
    fn any_bytes_at_all_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        let dir = tempfile::tempdir().unwrap();
        let (got, _) = read(&dir.path().join("l"), &bytes);
        prop_assert!(got.is_empty());
    }
}
