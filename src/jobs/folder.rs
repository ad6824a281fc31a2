//! Naming every picture in a folder of the user's: one worker for all of them, heard picture by picture.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::asking::{PATIENCE, command, last_line, parse};
use super::gallery::{Gallery, Predictions};
use super::naming::Said;
use super::order::{Text, Update};
use super::outbox::Outbox;
use crate::data::{self, IMAGE_BYTES, decode};
use crate::run::captions::{Captions, Told};
use crate::run::{RunName, plain_text};

/// Pictures of a folder that are named at most: the first ones by name.
pub const MAX_PICTURES: usize = 500;
/// How often it is told how far the worker is.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// The pictures of a folder, as far as they are named.
#[derive(Clone, Debug)]
pub struct Folder {
    pub gallery: Arc<Gallery>,
    pub predictions: Arc<Predictions>,
    /// Empty texts where the model writes none.
    pub captions: Arc<Captions>,
    /// Pictures that are looked at, and those that the folder has.
    pub asked: usize,
    pub found: usize,
    /// Files that could not be read, and why the first could not.
    pub unread: usize,
    pub trouble: Option<Text>,
    pub is_done: bool,
}

/// What one line of `pixscribe predict --jsonl` says.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Named(Said),
    Unread { error: String },
}

/// What is known so far.
#[derive(Default)]
struct Seen {
    labels: Vec<String>,
    pixels: Vec<u8>,
    files: Vec<PathBuf>,
    named: Vec<(u8, f32)>,
    told: Vec<Told>,
    unread: usize,
    trouble: Option<Text>,
}

/// Asks `program` (this very program) what is in the pictures of a folder, and tells what it says as it comes.
pub async fn name_folder(
    id: u64,
    program: &Path,
    runs_root: &Path,
    folder: PathBuf,
    model: Option<RunName>,
    outbox: &Outbox,
) -> Result<(), Text> {
    let at = folder.clone();
    let files = spawn_blocking(move || data::pictures(&at)).await.map_err(Text::of)?.map_err(Text::of)?;
    if files.is_empty() {
        return Err(Text::of(format!(
            "there are no pictures in {}: name a folder with some, or a file",
            folder.display()
        )));
    }
    let asked: Vec<PathBuf> = files.iter().take(MAX_PICTURES).cloned().collect();
    let mut seen = Seen::default();
    let tell = async |seen: &Seen, is_done: bool| {
        let folder = Ok(seen.so_far(asked.len(), files.len(), is_done));
        outbox.send(Update::Folder { id, folder }).await.map_err(|_| Text::of("nobody looks at it any more"))
    };
    tell(&seen, false).await?;
    let mut child = command(program, runs_root, arguments(model, &asked))
        .spawn()
        .map_err(|error| Text::of(format!("cannot start {}: {error}", program.display())))?;
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Text::of("the worker cannot be heard"));
    };
    // Read beside the answers, so that it never waits for someone to read it.
    let last_words = tokio::spawn(async move {
        let mut bytes = Vec::new();
        let _ = stderr.read_to_end(&mut bytes).await;
        last_line(&bytes)
    });
    let mut lines = BufReader::new(stdout).lines();
    let mut told = Instant::now();
    for file in &asked {
        let line = timeout(PATIENCE, lines.next_line()).await.map_err(|_| Text::of("the worker hangs"))?;
        let Some(line) = line.map_err(Text::of)? else { break };
        seen.hear(parse(line.as_bytes())?, file).await?;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tell(&seen, false).await?;
        }
    }
    let status = child.wait().await.map_err(Text::of)?;
    if seen.named.len() + seen.unread < asked.len() {
        let words = last_words.await.unwrap_or_default();
        let why = if status.success() { "the worker stopped early".to_owned() } else { words };
        seen.trouble = Some(Text::of(why));
    }
    match (&seen.trouble, seen.named.is_empty()) {
        (Some(why), true) => Err(why.clone()),
        _ => tell(&seen, true).await,
    }
}

fn arguments(model: Option<RunName>, files: &[PathBuf]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["predict".into(), "--jsonl".into()];
    if let Some(model) = model {
        arguments.extend(["--model".into(), model.as_str().into()]);
    }
    arguments.push("--".into());
    arguments.extend(files.iter().map(|file| file.as_os_str().to_owned()));
    arguments
}

impl Seen {
    async fn hear(&mut self, line: Line, file: &Path) -> Result<(), Text> {
        match line {
            Line::Unread { error } => self.note_unread(Text::of(error)),
            Line::Named(said) => {
                let path = file.to_owned();
                match spawn_blocking(move || decode::image_32(&path)).await.map_err(Text::of)? {
                    Ok(pixels) => self.add(said, &pixels, file),
                    Err(error) => self.note_unread(Text::of(error)),
                }
            }
        }
        Ok(())
    }

    fn note_unread(&mut self, why: Text) {
        self.unread += 1;
        self.trouble.get_or_insert(why);
    }

    fn add(&mut self, said: Said, pixels: &[u8; IMAGE_BYTES], file: &Path) {
        let clean = |text: &str| plain_text(text).into_owned();
        if self.named.is_empty() {
            // A caption that says no label has the share of none of them.
            let labels = said.probabilities.keys().map(|label| clean(label));
            self.labels = labels.filter(|label| said.caption.is_none() || label != Gallery::NONE).collect();
        }
        let label = clean(&said.label);
        let label = self.labels.iter().position(|known| *known == label).unwrap_or(self.labels.len());
        self.pixels.extend_from_slice(pixels);
        self.files.push(file.to_owned());
        self.named.push((u8::try_from(label).unwrap_or(u8::MAX), said.confidence as f32));
        self.told.push(Told { text: said.caption.as_deref().map(clean).unwrap_or_default(), ..Told::default() });
    }

    fn so_far(&self, asked: usize, found: usize, is_done: bool) -> Folder {
        let labels = self.labels.as_slice().into();
        let gallery = Gallery::of_files(labels, self.pixels.as_slice().into(), self.files.as_slice().into());
        Folder {
            gallery: Arc::new(gallery),
            predictions: Arc::new(Predictions::of(self.named.iter().copied())),
            captions: Arc::new(Captions { split: String::new(), epoch: 0, images: self.told.clone() }),
            asked,
            found,
            unread: self.unread,
            trouble: self.trouble.clone(),
            is_done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A program that answers as `predict --jsonl` would, and its folder of pictures.
    fn scene(script: &str, pictures: &[&str]) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let (program, folder) = (place.path().join("program"), place.path().join("pictures"));
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(&folder).unwrap();
        for (name, grey) in pictures.iter().zip(1..) {
            image::RgbImage::from_pixel(40, 32, image::Rgb([grey; 3])).save(folder.join(name)).unwrap();
        }
        (place, program, folder)
    }

    async fn heard(program: &Path, folder: &Path) -> (Result<(), Text>, Option<Folder>) {
        let (outbox, mut updates) = Outbox::channel();
        let ended = name_folder(7, program, Path::new("."), folder.to_owned(), None, &outbox).await;
        let mut last = None;
        while let Ok(Update::Folder { id: 7, folder }) = updates.try_recv() {
            last = folder.ok();
        }
        (ended, last)
    }

    #[tokio::test]
    async fn every_picture_is_named_and_an_unreadable_one_is_counted() {
        let script = r#"echo '{"path":"a","label":"dog","confidence":0.75,"probabilities":{"cat":0.25,"dog":0.75},"caption":null}'
echo '{"path":"b","error":"it is broken"}'
echo '{"path":"c","label":"cat","confidence":0.5,"probabilities":{"cat":0.5,"dog":0.5},"caption":"a cat"}'
exit 1"#;
        let (_place, program, folder) = scene(script, &["a.png", "b.png", "c.png"]);
        std::fs::write(folder.join("notes.txt"), "no picture").unwrap();
        let (ended, last) = heard(&program, &folder).await;
        assert_eq!(ended, Ok(()));
        let last = last.unwrap();
        assert_eq!((last.gallery.len(), last.asked, last.unread, last.is_done), (2, 3, 1, true));
        assert_eq!((last.gallery.name(1), last.gallery.label(0)), ("c.png".to_owned(), "cat"));
        assert_eq!(last.gallery.pixels(1).map(|pixels| pixels[0]), Some(3));
        assert!(last.gallery.truth(0).is_none() && !last.gallery.has_truths());
        assert_eq!([0, 1].map(|at| last.predictions.named(at).map(|(label, _)| label)), [Some(1), Some(0)]);
        assert_eq!(last.captions.images[1].text, "a cat");
        assert!(last.trouble.is_some_and(|why| why.as_str().contains("broken")));
    }

    #[tokio::test]
    async fn a_worker_that_ends_early_says_why_and_what_it_named_stays() {
        let script = r#"echo '{"label":"dog","confidence":1,"probabilities":{"dog":1}}'; echo 'pixscribe: out of memory' >&2; exit 1"#;
        let (_place, program, folder) = scene(script, &["a.png", "b.png"]);
        let (ended, last) = heard(&program, &folder).await;
        let last = last.unwrap();
        assert_eq!((ended, last.gallery.len()), (Ok(()), 1));
        assert_eq!(last.trouble.as_ref().map(Text::as_str), Some("out of memory"));
        let (_place, program, folder) = scene("echo 'pixscribe: no such model' >&2; exit 1", &["a.png"]);
        let (ended, _) = heard(&program, &folder).await;
        assert_eq!(ended, Err(Text::of("no such model")));
    }

    #[tokio::test]
    async fn a_folder_without_pictures_is_said_without_asking_anyone() {
        let (_place, _, folder) = scene("", &[]);
        let (ended, _) = heard(Path::new("/nowhere/program"), &folder).await;
        assert!(ended.unwrap_err().as_str().contains("no pictures"));
    }
}
