//! Having the training images looked for that are most like a picture.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::asking::{ask, save_for};
use super::order::Text;
use crate::data::decode;
use crate::run::{RunName, plain_text};

/// How many are looked for: what a wide terminal shows beside the picture.
pub const NEIGHBOURS: usize = 5;

/// A training image that is like a picture.
#[derive(Clone, Debug)]
pub struct Neighbour {
    pub picture: Arc<RgbImage>,
    pub label: String,
    /// Its number among the training images.
    pub number: u32,
    /// The root of the mean squared difference of their pixels, 0..1.
    pub distance: f64,
}

impl Neighbour {
    /// How far it is, for people.
    pub fn distance_words(&self) -> String {
        format!("{:.1} % apart", 100.0 * self.distance)
    }
}

/// One element of what `pixscribe nearest --json` prints.
#[derive(Debug, Deserialize)]
struct Said {
    nearest: Vec<Near>,
}

#[derive(Debug, Deserialize)]
struct Near {
    number: u32,
    label: String,
    distance: f64,
    out: PathBuf,
}

/// Has `program` (this very program) look among the images that a run learns from, without the one that has the number
/// `except`; without a run, among all training images.
pub async fn find(
    program: &Path,
    runs_root: &Path,
    picture: Arc<RgbImage>,
    run: Option<RunName>,
    except: Option<u32>,
) -> Result<Vec<Neighbour>, Text> {
    let (folder, file) = save_for(picture).await?;
    let said: Vec<Said> = ask(program, runs_root, arguments(&file, folder.path(), run, except)).await?;
    let said = said.into_iter().next().ok_or_else(|| Text::of("it said nothing"))?;
    spawn_blocking(move || said.nearest.into_iter().map(read).collect()).await.map_err(Text::of)?
}

fn arguments(file: &Path, folder: &Path, run: Option<RunName>, except: Option<u32>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["nearest".into(), "--json".into()];
    arguments.extend(["-n".into(), NEIGHBOURS.to_string().into(), "-o".into(), folder.join("nearest").into()]);
    if let Some(run) = run {
        arguments.extend(["--run".into(), run.as_str().into()]);
    }
    if let Some(number) = except {
        arguments.extend(["--except".into(), number.to_string().into()]);
    }
    arguments.extend(["--".into(), file.into()]);
    arguments
}

fn read(near: Near) -> Result<Neighbour, Text> {
    let picture = decode::image_any(&near.out).map(Arc::new).map_err(Text::of)?;
    let label = plain_text(&near.label).into_owned();
    Ok(Neighbour { picture, label, number: near.number, distance: near.distance })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_run_place_and_what_is_left_out() {
        let words = |run: Option<&str>, except| {
            let run = run.map(|run| run.parse().unwrap());
            let all = arguments(Path::new("/t/p.png"), Path::new("/t"), run, except);
            all.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(None, None), "nearest --json -n 5 -o /t/nearest -- /t/p.png");
        let due = "nearest --json -n 5 -o /t/nearest --run r --except 7 -- /t/p.png";
        assert_eq!(words(Some("r"), Some(7)), due);
    }

    #[test]
    fn the_answer_of_nearest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("training-00007.png");
        RgbImage::from_pixel(2, 1, image::Rgb([9; 3])).save(&out).unwrap();
        let near = serde_json::json!({ "number": 7, "label": "c\u{1b}at", "distance": 0.125, "out": out });
        let text = serde_json::json!({ "path": "p", "by": "pixels", "nearest": [near] });
        let said: Said = serde_json::from_value(text).unwrap();
        let found = read(said.nearest.into_iter().next().unwrap()).unwrap();
        assert_eq!((found.picture.as_raw()[0], found.label.as_str(), found.number), (9, "cat", 7));
        assert_eq!(found.distance, 0.125);
    }
}
