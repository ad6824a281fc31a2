//! Is a data set whole, and is it CIFAR-10?

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::binary::{RECORD_BYTES, batch_files};
use super::dataset::{Dataset, hex, load_located};
use super::error::DataError;
use super::source::{Layout, Located, Reason};

/// SHA-256 of the binary files in the official archive; data/README.md says what they were compared with.
pub const CIFAR10_FILES: [(&str, &str); 6] = [
    ("data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
    ("data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
    ("data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
    ("data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
    ("data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
    ("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
];

/// `Dataset::sha256` of all of CIFAR-10, whatever its layout.
pub const CIFAR10_SHA256: &str = "0b5c89e83f1c6cf61523e1fe587adc1615d602e7cbe71c788a065cf67194c9c9";
/// `Dataset::sha256` of the sample in `data/sample/`.
pub const SAMPLE_SHA256: &str = "1c01de5d86952c59d6b81101e7255b360efc2bd45407cbeb55733b8fbcdab0c8";

/// A set whose sum is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    Cifar10,
    Sample,
}

impl Known {
    pub fn of(data: &Dataset) -> Option<Self> {
        match data.sha256.as_str() {
            CIFAR10_SHA256 => Some(Self::Cifar10),
            SAMPLE_SHA256 => Some(Self::Sample),
            _ => None,
        }
    }
}

/// One file of a set in the binary layout.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FileCheck {
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
    /// Whether it is CIFAR-10's file of that name.
    pub is_cifar10: bool,
}

/// What was found. A set that can't even be read is an error instead.
#[derive(Clone, Debug)]
pub struct Report {
    pub data: Dataset,
    pub known: Option<Known>,
    /// Empty unless the layout is binary.
    pub files: Vec<FileCheck>,
    /// One sentence each; empty for a set in order.
    pub problems: Vec<String>,
}

/// Reads a whole set, which checks sizes and label ranges, and compares it with the known sums.
///
/// A set with CIFAR-10's numbers of images must be CIFAR-10; any other set only has to be readable and to have every
/// label in both splits.
pub fn verify(located: &Located) -> Result<Report, DataError> {
    let data = load_located(located, None)?;
    let files = match located.layout {
        Layout::Binary => check_files(&located.path)?,
        _ => Vec::new(),
    };
    let known = Known::of(&data);
    let mut problems = missing_labels(&data);
    if known.is_none() && (data.train.len(), data.test.len()) == (50_000, 10_000) {
        problems.extend(differences(&data, &files));
    }
    if located.reason == Reason::Sample && known != Some(Known::Sample) {
        problems
            .push("it is not the sample that comes with pixscribe; `git checkout data/sample` brings it back".into());
    }
    Ok(Report { known, files, problems, data })
}

fn missing_labels(data: &Dataset) -> Vec<String> {
    let splits = [("training", &data.train), ("test", &data.test)];
    let empty = splits.iter().flat_map(|(name, split)| {
        let counts = split.class_counts(data.labels.len());
        let labels = data.labels.iter().zip(counts).filter(|(_, count)| *count == 0);
        labels.map(move |(label, _)| format!("the {name} split has no image of {label}"))
    });
    empty.collect()
}

/// Why a set of CIFAR-10's size is not CIFAR-10.
fn differences(data: &Dataset, files: &[FileCheck]) -> Vec<String> {
    let wrong = files.iter().filter(|f| !f.is_cifar10);
    let mut problems: Vec<String> =
        wrong.map(|f| format!("{} differs from CIFAR-10's (SHA-256 {})", f.file, f.sha256)).collect();
    if problems.is_empty() {
        problems.push(format!(
            "it has as many images as CIFAR-10 but other names or pixels (SHA-256 of the contents {})",
            data.sha256
        ));
    }
    problems
}

fn check_files(folder: &Path) -> Result<Vec<FileCheck>, DataError> {
    let mut paths = batch_files(folder, "bin")?;
    paths.push(folder.join("test_batch.bin"));
    let check = |path: &std::path::PathBuf| {
        let (bytes, sha256) = file_sha256(path)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(FileCheck { is_cifar10: CIFAR10_FILES.contains(&(file.as_str(), sha256.as_str())), file, bytes, sha256 })
    };
    paths.iter().map(check).collect()
}

/// Length and SHA-256 of a file.
fn file_sha256(path: &Path) -> Result<(u64, String), DataError> {
    let mut file = File::open(path).map_err(DataError::io("read", path))?;
    let mut sha = Sha256::new();
    let mut block = vec![0; 64 * RECORD_BYTES];
    let mut length = 0;
    loop {
        match io::Read::read(&mut file, &mut block).map_err(DataError::io("read", path))? {
            0 => return Ok((length, hex(&sha.finalize()))),
            n => {
                sha.update(&block[..n]);
                length += n as u64;
            }
        }
    }
}
