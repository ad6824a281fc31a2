//! Where restored pictures are put, and in which format.

use super::RestoreError;
use crate::cli::CliError;
use crate::cli::args::RestoreArgs;
use crate::restoration::Picture;
use crate::run::{RunError, atomic_write};
use image::ImageFormat;
use image::codecs::jpeg::JpegEncoder;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// Of a JPEG file, whose compression would else be seen as new damage.
const JPEG_QUALITY: u8 = 95;

/// Where a picture's results are put.
pub struct Place {
    pub restored: PathBuf,
    /// None if the picture came damaged.
    pub damaged: Option<PathBuf>,
}

/// Where each picture is put: all is refused before anything is computed.
///
/// # Errors
/// When a picture has no name of its own, its name says no format, or something is there already.
pub fn places(args: &RestoreArgs) -> Result<Vec<Place>, RestoreError> {
    if args.out.exists() && !args.out.is_dir() {
        return Err(RestoreError::NotAFolder(args.out.clone()));
    }
    let mut names = HashSet::new();
    let mut place = |name: OsString| {
        let place = args.out.join(&name);
        if names.contains(&name) {
            return Err(RestoreError::SameName(name.to_string_lossy().into_owned()));
        }
        names.insert(name);
        ImageFormat::from_path(&place).map_err(|why| RestoreError::Format { path: place.clone(), why })?;
        if place.exists() && !args.overwrite {
            return Err(RestoreError::Exists(place));
        }
        Ok(place)
    };
    let both = |path: &PathBuf| {
        let name = path.file_name().ok_or_else(|| RestoreError::NoName(path.clone()))?;
        let damaged = args.damage.then(|| place(damaged_name(path))).transpose()?;
        Ok(Place { restored: place(name.to_owned())?, damaged })
    };
    args.images.iter().map(both).collect()
}

/// `frog-damaged.png` for `frog.png`.
fn damaged_name(path: &Path) -> OsString {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-damaged");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    name
}

/// Writes the picture whole or not at all, in the format of its name, and the folder that it is in.
///
/// # Errors
/// When the format cannot hold it, or the folder cannot be written to.
pub fn save(picture: &Picture, place: &Path) -> Result<(), CliError> {
    let fault = |why| RestoreError::Format { path: place.to_owned(), why };
    let (rgb, mut bytes) = (picture.to_rgb(), Cursor::new(Vec::new()));
    match ImageFormat::from_path(place).map_err(fault)? {
        ImageFormat::Jpeg => rgb.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)),
        format => rgb.write_to(&mut bytes, format),
    }
    .map_err(fault)?;
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder).map_err(RunError::io("create", folder))?;
    }
    Ok(atomic_write(place, |file| file.write_all(bytes.get_ref()))?)
}
