//! The zip container of a pytorch_model.bin: stored entries only, found through the central directory (PKWARE's
//! APPNOTE 6.3, sections 4.3 and 4.5.3). Nothing is unpacked, so nothing can grow.

use std::collections::BTreeMap;

use super::super::error::{HfError, quoted};
use super::entry::TensorFile;

const END: u32 = 0x0605_4b50;
const END_BYTES: u64 = 22;
const END_64_LOCATOR: u32 = 0x0706_4b50;
const END_64_LOCATOR_BYTES: u64 = 20;
const END_64: u32 = 0x0606_4b50;
const END_64_BYTES: u64 = 56;
const CENTRAL: u32 = 0x0201_4b50;
const CENTRAL_BYTES: usize = 46;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_BYTES: u64 = 30;
/// The longest comment behind the end record.
const MAX_COMMENT: u64 = 65_535;
/// Bytes that a central directory may have.
const MAX_DIRECTORY: u64 = 8 << 20;
/// What 32-bit fields hold when the number stands in the 64-bit extra field.
const ELSEWHERE: u64 = 0xffff_ffff;
const EXTRA_64: u16 = 1;
const ENCRYPTED: u16 = 1;

/// Where the content of an entry lies; checked to be inside the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// The entries of a container by name; a name that comes twice is refused.
pub(super) fn entries(file: &TensorFile) -> Result<BTreeMap<String, Stored>, HfError> {
    let (at, bytes) = directory(file)?;
    let directory = file.at(at, bytes as usize)?;
    let mut entries = BTreeMap::new();
    let mut rest = Bytes(&directory);
    while !rest.0.is_empty() {
        let entry = Central::read(&mut rest).ok_or_else(|| file.damaged("its zip directory makes no sense"))?;
        let name = String::from_utf8_lossy(entry.name).into_owned();
        if entry.is_encrypted || entry.method != 0 || entry.packed != entry.bytes {
            return Err(HfError::refused(
                file.path(),
                format!("its entry {} is compressed or encrypted", quoted(&name)),
            ));
        }
        let stored = locate(file, &entry)?;
        if entries.insert(name.clone(), stored).is_some() {
            return Err(HfError::refused(file.path(), format!("its entry {} comes twice", quoted(&name))));
        }
    }
    Ok(entries)
}

/// Where the central directory lies.
fn directory(file: &TensorFile) -> Result<(u64, u64), HfError> {
    let no_zip = || file.damaged("it has no zip directory at its end");
    let tail = file.bytes().min(END_BYTES + MAX_COMMENT);
    let tail_at = file.bytes() - tail;
    let tail = file.at(tail_at, tail as usize)?;
    let found = tail.windows(4).rposition(|four| four == END.to_le_bytes()).ok_or_else(no_zip)?;
    let mut end = Bytes(&tail[found..]);
    let narrow = end.skip(12).and_then(|()| Some((end.u32()?, end.u32()?, end.u16()?)));
    let (bytes, at, comment) = narrow.ok_or_else(no_zip)?;
    if end.0.len() != usize::from(comment) {
        return Err(no_zip());
    }
    let wide = directory_64(file, tail_at + found as u64)?;
    let (at, bytes) = wide.unwrap_or((u64::from(at), u64::from(bytes)));
    if bytes > MAX_DIRECTORY {
        return Err(HfError::refused(file.path(), format!("its zip directory has {bytes} bytes")));
    }
    match at.checked_add(bytes) {
        Some(end) if end <= file.bytes() => Ok((at, bytes)),
        _ => Err(file.damaged("its zip directory lies outside of it")),
    }
}

/// The directory's place by the 64-bit records, which torch writes always.
fn directory_64(file: &TensorFile, end_at: u64) -> Result<Option<(u64, u64)>, HfError> {
    let Some(locator_at) = end_at.checked_sub(END_64_LOCATOR_BYTES) else { return Ok(None) };
    let locator = file.at(locator_at, END_64_LOCATOR_BYTES as usize)?;
    let mut locator = Bytes(&locator);
    if locator.u32() != Some(END_64_LOCATOR) {
        return Ok(None);
    }
    let outside = || file.damaged("its zip directory lies outside of it");
    let record_at = locator.skip(4).and_then(|()| locator.u64()).ok_or_else(outside)?;
    if record_at.checked_add(END_64_BYTES).is_none_or(|end| end > locator_at) {
        return Err(outside());
    }
    let record = file.at(record_at, END_64_BYTES as usize)?;
    let mut record = Bytes(&record);
    if record.u32() != Some(END_64) {
        return Err(outside());
    }
    let place = record.skip(36).and_then(|()| Some((record.u64()?, record.u64()?)));
    place.map(|(bytes, at)| Some((at, bytes))).ok_or_else(outside)
}

/// Where the content begins: behind the local header, whose name and extra field may differ in length.
fn locate(file: &TensorFile, entry: &Central<'_>) -> Result<Stored, HfError> {
    let outside = || file.damaged("an entry of its zip directory lies outside of it");
    if entry.header_at.checked_add(LOCAL_BYTES).is_none_or(|end| end > file.bytes()) {
        return Err(outside());
    }
    let header = file.at(entry.header_at, LOCAL_BYTES as usize)?;
    let mut header = Bytes(&header);
    if header.u32() != Some(LOCAL) {
        return Err(outside());
    }
    let lengths = header.skip(22).and_then(|()| Some((header.u16()?, header.u16()?)));
    let (name, extra) = lengths.ok_or_else(outside)?;
    let at = entry.header_at + LOCAL_BYTES + u64::from(name) + u64::from(extra);
    match at.checked_add(entry.bytes) {
        Some(end) if end <= file.bytes() => Ok(Stored { at, bytes: entry.bytes }),
        _ => Err(outside()),
    }
}

/// A record of the central directory.
struct Central<'a> {
    name: &'a [u8],
    method: u16,
    is_encrypted: bool,
    packed: u64,
    bytes: u64,
    header_at: u64,
}

impl<'a> Central<'a> {
    fn read(rest: &mut Bytes<'a>) -> Option<Self> {
        let mut fixed = Bytes(rest.take(CENTRAL_BYTES)?);
        if fixed.u32()? != CENTRAL {
            return None;
        }
        fixed.skip(4)?;
        let (flags, method) = (fixed.u16()?, fixed.u16()?);
        // Time, date and checksum.
        fixed.skip(8)?;
        let (packed, bytes) = (fixed.u32()?, fixed.u32()?);
        let (name, extra, comment) = (fixed.u16()?, fixed.u16()?, fixed.u16()?);
        // Disk and attributes.
        fixed.skip(8)?;
        let header_at = fixed.u32()?;
        let name = rest.take(usize::from(name))?;
        let mut long = long_numbers(Bytes(rest.take(usize::from(extra))?))?;
        rest.take(usize::from(comment))?;
        // The 64-bit field holds, in this order, those numbers alone that did not fit.
        let mut wide = |narrow: u32| match u64::from(narrow) {
            ELSEWHERE => long.u64(),
            fits => Some(fits),
        };
        let (bytes, packed) = (wide(bytes)?, wide(packed)?);
        Some(Self { name, method, is_encrypted: flags & ENCRYPTED != 0, packed, bytes, header_at: wide(header_at)? })
    }
}

/// The 64-bit extra field among others; empty if there is none.
fn long_numbers(mut extra: Bytes<'_>) -> Option<Bytes<'_>> {
    // Padding shorter than a field's head ends the list.
    while extra.0.len() >= 4 {
        let (kind, length) = (extra.u16()?, extra.u16()?);
        let field = extra.take(usize::from(length))?;
        if kind == EXTRA_64 {
            return Some(Bytes(field));
        }
    }
    Some(Bytes(&[]))
}

/// Little-endian numbers off the front of a slice; none when it ends too early.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
