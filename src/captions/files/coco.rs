//! COCO's caption annotations (Chen et al. 2015, "Microsoft COCO Captions", and the format's page): `images` with `id`
//! and `file_name`, `annotations` with `image_id` and `caption`. All else in the file is passed over; an image without
//! annotations is left out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Display};
use std::path::Path;

use serde::Deserialize;

use super::super::error::{CaptionError, Entry, Problem};
use super::gather::Gathered;
use super::inside::Inside;
use super::{Captioned, bounded, printable};

/// Bytes that such a file may have: more than twice COCO's own.
const LIMIT: u64 = 256 << 20;

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    images: Vec<Image<'a>>,
    #[serde(borrow)]
    annotations: Vec<Annotation<'a>>,
}

#[derive(Deserialize)]
struct Image<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow)]
    file_name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow)]
    image_id: Id<'a>,
    #[serde(borrow)]
    caption: Cow<'a, str>,
}

/// COCO's numbers; other sets have names.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
enum Id<'a> {
    Number(i64),
    #[serde(borrow)]
    Name(Cow<'a, str>),
}

impl Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{:?}", printable(&name.chars().take(200).collect::<String>())),
        }
    }
}

/// Reads `path`, whose names are followed inside of `folder`. Pictures come in the order of their first annotations.
pub fn read(path: &Path, folder: &Path) -> Result<Vec<Captioned>, CaptionError> {
    let inside = Inside::new(folder, &["images"])?;
    let bytes = bounded::read(path, LIMIT)?;
    let file: File =
        serde_json::from_slice(&bytes).map_err(|source| CaptionError::Coco { path: path.to_path_buf(), source })?;
    let fail = |entry: Entry, problem| CaptionError::Entry { path: path.to_path_buf(), entry, problem };
    let mut images: HashMap<&Id, (usize, &str)> = HashMap::new();
    for (number, image) in file.images.iter().enumerate() {
        if images.insert(&image.id, (number, &*image.file_name)).is_some() {
            return Err(fail(Entry::Image(number), Problem::SameId { id: image.id.to_string() }));
        }
    }
    let mut gathered = Gathered::default();
    for (number, annotation) in file.annotations.iter().enumerate() {
        let unknown = || Problem::UnknownId { id: annotation.image_id.to_string() };
        let entry = Entry::Annotation(number);
        let &(image, name) = images.get(&annotation.image_id).ok_or_else(|| fail(entry, unknown()))?;
        let picture = inside.file(name).map_err(|problem| fail(Entry::Image(image), problem))?;
        gathered.add(picture, &annotation.caption).map_err(|problem| fail(entry, problem))?;
    }
    Ok(gathered.finish())
}
