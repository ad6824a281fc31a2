//! What a run logged as TensorBoard's event file: curves, sheets of pictures, captions and settings.
//!
//! The form is TFRecord (length, masked CRC-32C, message, masked CRC-32C) of protocol buffers `tensorflow.Event`, of which only
//! the fields that TensorBoard reads are written; their numbers are those of `event.proto`, `summary.proto` and `tensor.proto`.

use crate::cli::CliError;
use crate::jobs::History;
use crate::run::{RunDir, captions};
use image::ImageReader;
use std::io::Cursor;

/// Captions of a split that are told, the first ones.
const TOLD: usize = 16;

/// The whole file.
pub(super) fn events(run: &RunDir, history: &History) -> Result<Vec<u8>, CliError> {
    let begun_s = history.begun_ms().unwrap_or(0) as f64 / 1e3;
    let mut file = Vec::new();
    record(&mut file, &Message::default().double(1, begun_s).bytes(3, b"brain.Event:2").0);
    let settings = std::fs::read_to_string(run.config_path())?;
    write(&mut file, begun_s, 0, &text("config.toml", &format!("```toml\n{settings}\n```")));
    for (name, series) in history.series() {
        for point in series.points() {
            let value = Message::default().bytes(1, name.as_bytes()).float(2, point.value);
            write(&mut file, begun_s + f64::from(point.wall_s), point.step, &value);
        }
    }
    // Pictures and captions are dated by the last value that was logged before them.
    for sheet in history.sheets() {
        let bytes = run.resolve(&sheet.path).and_then(|path| std::fs::read(path).ok());
        if let Some(value) = bytes.and_then(|bytes| picture("samples", &bytes)) {
            write(&mut file, begun_s + time_of(history, sheet.step), sheet.step, &value);
        }
    }
    for told in history.caption_files() {
        let read = run.resolve(&told.path).and_then(|path| captions::read(&path).ok());
        if let Some(read) = read {
            let lines: Vec<String> = read.images.iter().take(TOLD).map(|told| format!("1. {}", told.text)).collect();
            let value = text(&format!("captions/{}", told.split), &lines.join("\n"));
            write(&mut file, begun_s + time_of(history, told.step), told.step, &value);
        }
    }
    Ok(file)
}

/// Seconds from the run's first event to the last value that was logged at a step or before.
fn time_of(history: &History, step: u64) -> f64 {
    let last = |(_, series): (&str, &crate::jobs::Series)| {
        let points = series.points();
        points[..points.partition_point(|point| point.step <= step)].last().map(|point| point.wall_s)
    };
    history.series().filter_map(last).fold(0.0, |latest, at| f64::from(at).max(latest))
}

/// A PNG under a tag; none where it is no picture.
fn picture(tag: &str, png: &[u8]) -> Option<Message> {
    let (width, height) = ImageReader::new(Cursor::new(png)).with_guessed_format().ok()?.into_dimensions().ok()?;
    const RGB: u64 = 3;
    let image = Message::default().integer(1, u64::from(height)).integer(2, u64::from(width)).integer(3, RGB);
    Some(Message::default().bytes(1, tag.as_bytes()).message(4, &image.bytes(4, png)))
}

/// Markdown under a tag: a tensor of one string, for the text plugin.
fn text(tag: &str, markdown: &str) -> Message {
    const DT_STRING: u64 = 7;
    const DATA_CLASS_TENSOR: u64 = 2;
    let plugin = Message::default().bytes(1, b"text");
    let metadata = Message::default().message(1, &plugin).integer(4, DATA_CLASS_TENSOR);
    let shape = Message::default().message(2, &Message::default().integer(1, 1));
    let tensor = Message::default().integer(1, DT_STRING).message(2, &shape).bytes(8, markdown.as_bytes());
    Message::default().bytes(1, tag.as_bytes()).message(8, &tensor).message(9, &metadata)
}

/// An event with a summary of one value.
fn write(file: &mut Vec<u8>, wall_s: f64, step: u64, value: &Message) {
    let summary = Message::default().message(1, value);
    record(file, &Message::default().double(1, wall_s).integer(2, step).message(5, &summary).0);
}

/// A record of TFRecord's framing.
fn record(file: &mut Vec<u8>, message: &[u8]) {
    let length = (message.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked(&length).to_le_bytes());
    file.extend(message);
    file.extend(masked(message).to_le_bytes());
}

/// TensorFlow's masked CRC-32C (Castagnoli).
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A protocol buffer under construction.
#[derive(Clone, Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(mut self, field: u64, wire: u64) -> Self {
        self.varint(field << 3 | wire);
        self
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn integer(self, field: u64, number: u64) -> Self {
        let mut message = self.key(field, 0);
        message.varint(number);
        message
    }

    fn double(self, field: u64, number: f64) -> Self {
        let mut message = self.key(field, 1);
        message.0.extend(number.to_le_bytes());
        message
    }

    fn float(self, field: u64, number: f32) -> Self {
        let mut message = self.key(field, 5);
        message.0.extend(number.to_le_bytes());
        message
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut message = self.key(field, 2);
        message.varint(bytes.len() as u64);
        message.0.extend(bytes);
        message
    }

    fn message(self, field: u64, inner: &Message) -> Self {
        self.bytes(field, &inner.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of RFC 3720, B.4, masked as TensorFlow does: `((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff`.
    #[test]
    fn sums_are_castagnoli_s_and_masked() {
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(masked(&[0; 32]), 0x0fd7_fffa);
    }

    /// ```python
    /// from tensorboard.compat.proto.event_pb2 import Event
    /// from tensorboard.compat.proto.summary_pb2 import Summary
    /// Event(wall_time=1.5, step=300, summary=Summary(value=[Summary.Value(tag="a", simple_value=0.5)])).SerializeToString()
    /// ```
    #[test]
    fn an_event_is_the_bytes_that_protobuf_writes() {
        let mut file = Vec::new();
        write(&mut file, 1.5, 300, &Message::default().bytes(1, b"a").float(2, 0.5));
        let due = b"\x09\0\0\0\0\0\0\xf8?\x10\xac\x02*\x0a\x0a\x08\x0a\x01a\x15\0\0\0?";
        assert_eq!(&file[12..file.len() - 4], due);
        assert_eq!(file[..8], (due.len() as u64).to_le_bytes());
    }
}
