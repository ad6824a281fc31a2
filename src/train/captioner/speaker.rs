//! A captioner out of training: eyes, mouth, and what belongs to them: how it sees pictures, and its language.

use super::super::error::TrainError;
use super::super::trained::Card;
use super::error::SpeakerError;
use super::lender::Lender;
use super::note::Note;
use crate::data::{IMAGE_BYTES, SIDE};
use crate::hf::{Preprocessing, Tokenizer};
use crate::models::captioner::search::{Caption, SearchSettings};
use crate::models::captioner::{Captioner, EyesSettings, Sight};
use crate::nn::checkpoint::{TensorFile, stream};
use crate::ops::Backend;
use crate::run::atomic_write;
use image::RgbImage;
use std::io;
use std::path::Path;

/// Under what the net stands in a file of weights.
pub(super) const NET: &str = "captioner";
/// Pixels of the pictures that are captioned together; one picture may have more.
const BATCH_PIXELS: usize = 250 * SIDE * SIDE;

/// A captioner and all that it needs to caption pictures.
pub struct Speaker<D: Backend> {
    pub captioner: Captioner<D>,
    /// The net whose eyes it has; none if it has its own.
    pub lender: Option<Lender<D>>,
    pub tokenizer: Tokenizer,
    pub preprocessing: Preprocessing,
    /// How captions are searched unless someone says otherwise.
    pub search: SearchSettings,
    /// The token that a text begins with, for whoever asks for one; the search starts with its own.
    pub bos: Option<u32>,
    /// Fills a batch up behind a caption's end.
    pub pad: u32,
    device: D,
}

/// A caption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    /// All tokens, the start and the end among them, as `generate` of transformers returns them for one picture.
    pub token_ids: Vec<u32>,
}

/// Pictures as they come.
#[derive(Clone, Copy, Debug)]
pub enum Pictures<'a> {
    /// `(n, 32, 32, 3)` in a row, channels last.
    Small(&'a [u8]),
    /// Of any size.
    Whole(&'a [RgbImage]),
    /// As [`Speaker::fit`] gives them.
    Fitted(&'a [RgbImage]),
}

impl<'a> Pictures<'a> {
    pub fn len(self) -> usize {
        match self {
            Self::Small(pixels) => pixels.len() / IMAGE_BYTES,
            Self::Whole(pictures) | Self::Fitted(pictures) => pictures.len(),
        }
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Parts of `size` pictures; the last may have fewer.
    fn parts(self, size: usize) -> Vec<Self> {
        match self {
            Self::Small(pixels) => pixels.chunks(size * IMAGE_BYTES).map(Self::Small).collect(),
            Self::Whole(pictures) => pictures.chunks(size).map(Self::Whole).collect(),
            Self::Fitted(pictures) => pictures.chunks(size).map(Self::Fitted).collect(),
        }
    }
}

impl<D: Backend> Speaker<D> {
    /// Joins a net and what belongs to it. Captions begin with the token that the search starts with, and a batch is
    /// filled up with one that ends them. Who lends the eyes says how pixels are normalised.
    ///
    /// # Errors
    /// When the parts do not fit each other.
    pub fn new(
        device: &D,
        captioner: Captioner<D>,
        lender: Option<Lender<D>>,
        tokenizer: Tokenizer,
        preprocessing: Preprocessing,
        search: SearchSettings,
    ) -> Result<Self, SpeakerError> {
        let (bos, pad) = (Some(search.start), search.eos.first().copied().unwrap_or(search.start));
        let lent = lender.as_ref().map(|lender| (lender.stats().mean, lender.stats().std));
        let preprocessing = Preprocessing { normalise: lent.or(preprocessing.normalise), ..preprocessing };
        let speaker = Self { captioner, lender, tokenizer, preprocessing, search, bos, pad, device: device.clone() };
        speaker.check()?;
        Ok(speaker)
    }

    /// The captioner of a file of weights; `path` is told in errors.
    ///
    /// # Errors
    /// When the file does not hold all of it.
    pub fn from_file(device: &D, file: &TensorFile, path: &Path) -> Result<Self, TrainError> {
        let fault = |source| TrainError::Checkpoint { path: path.into(), source };
        let note = Note::read(file).map_err(fault)?;
        let preprocessing =
            Preprocessing::parse(path, note.preprocessing.to_string().as_bytes()).map_err(SpeakerError::from)?;
        let tokenizer = Tokenizer::parse_with(path, note.tokenizer.as_bytes(), &note.tokenizer_settings)
            .map_err(SpeakerError::from)?;
        let lender = match note.settings.eyes {
            EyesSettings::Vit(_) => None,
            EyesSettings::Borrowed(_) => Some(Lender::from_file(device, file, path)?),
        };
        let mut captioner = Captioner::new(device, note.settings, None).map_err(SpeakerError::from)?;
        file.apply(NET, &mut captioner).map_err(fault)?;
        let speaker = Self::new(device, captioner, lender, tokenizer, preprocessing, note.search)?;
        Ok(Self { bos: note.bos, pad: note.pad, ..speaker })
    }

    /// Puts weights and note into a file.
    ///
    /// # Errors
    /// When the tokenizer cannot be written.
    pub fn save(&mut self, file: &mut TensorFile) -> Result<(), SpeakerError> {
        self.note()?.write(&mut file.meta);
        file.collect(NET, &mut self.captioner);
        if let Some(lender) = &mut self.lender {
            lender.save(file);
        }
        Ok(())
    }

    /// Writes a file of weights whole or not at all, no more than one tensor in memory twice; a net that lends its eyes is
    /// small, and copied. `go_on` is asked now and then; when it says no, nothing is left.
    ///
    /// # Errors
    /// When the tokenizer cannot be written, the disk refuses, or it was stopped.
    pub fn write(&mut self, card: &Card, path: &Path, go_on: &mut dyn FnMut() -> bool) -> Result<(), TrainError> {
        let mut head = TensorFile::default();
        card.write(&mut head);
        if self.lender.is_some() {
            self.save(&mut head)?;
            let bytes = head.to_bytes().map_err(TrainError::Encode)?;
            return Ok(atomic_write(path, |out| out.write_all(&bytes))?);
        }
        self.note()?.write(&mut head.meta);
        Ok(atomic_write(path, |out| stream(NET, &mut self.captioner, &head.meta, &mut Stoppable { out, go_on }))?)
    }

    /// Everything of it that is no tensor.
    ///
    /// # Errors
    /// When the tokenizer cannot be written.
    pub(super) fn note(&self) -> Result<Note, SpeakerError> {
        Ok(Note {
            settings: self.captioner.settings().clone(),
            eyes: self.lender.as_ref().map_or("vit", Lender::kind).to_owned(),
            preprocessing: self.preprocessing.to_json(),
            tokenizer: self.tokenizer.to_json()?,
            tokenizer_settings: self.tokenizer.settings(),
            search: self.search.clone(),
            bos: self.bos,
            pad: self.pad,
        })
    }

    /// The device that it computes on.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// Height and width of the pictures that the eyes see.
    pub fn sees(&self) -> [usize; 2] {
        match &self.captioner.settings().eyes {
            EyesSettings::Vit(vit) => vit.image,
            EyesSettings::Borrowed(_) => [SIDE; 2],
        }
    }

    /// Pictures that are captioned together, for memory to stay small.
    pub fn batch(&self) -> usize {
        let [height, width] = self.sees();
        (BATCH_PIXELS / (height * width)).max(1)
    }

    /// A picture as large as the eyes see it, still of 8 bits.
    ///
    /// # Errors
    /// When it is empty or absurdly thin.
    pub fn fit(&self, picture: &RgbImage) -> Result<RgbImage, SpeakerError> {
        Ok(self.preprocessing.fit(picture)?)
    }

    fn check(&self) -> Result<(), SpeakerError> {
        let unfit = |part, problem| Err(SpeakerError::Unfit { part, problem });
        let settings = self.captioner.settings();
        let [height, width] = self.sees();
        if self.preprocessing.output_size() != Some((width as u32, height as u32)) {
            return unfit("preprocessing", format!("it does not give the {width}x{height} pixels that the eyes see"));
        }
        match &settings.eyes {
            EyesSettings::Vit(vit) if vit.channels != 3 => {
                return unfit("eyes", format!("they want {} channels, and pictures have 3", vit.channels));
            }
            EyesSettings::Vit(_) => {}
            EyesSettings::Borrowed(groups) => {
                let lent = self.lender.as_ref().map(Lender::groups).unwrap_or_default();
                if *groups != lent {
                    return unfit("eyes", format!("it looks at the maps {groups:?}, and is lent {lent:?}"));
                }
            }
        }
        let (known, due) = (self.tokenizer.vocabulary(), settings.decoder.vocabulary);
        if known > due {
            return unfit("tokens", format!("the tokenizer has {known}, the decoder {due}"));
        }
        Ok(())
    }

    /// What the captioner is shown of pictures.
    ///
    /// # Errors
    /// When a picture is empty or absurdly thin, or the device is out of memory.
    pub fn see(&self, pictures: Pictures<'_>) -> Result<Sight<D>, SpeakerError> {
        let [height, width] = self.sees();
        let shape = (pictures.len(), height, width, 3);
        let pixels = self.device.try_tensor_from_vec(self.numbers(pictures)?, shape).map_err(SpeakerError::device)?;
        match &self.lender {
            None => Ok(Sight::Pictures(pixels)),
            Some(lender) => Ok(Sight::Features(lender.infer(pixels).map_err(SpeakerError::device)?)),
        }
    }

    /// Pictures as numbers, `(n, height, width, 3)` in a row.
    fn numbers(&self, pictures: Pictures<'_>) -> Result<Vec<f32>, SpeakerError> {
        let mut numbers = Vec::new();
        match pictures {
            Pictures::Small(pixels) if self.preprocessing.keeps(SIDE as u32, SIDE as u32) => {
                return Ok(self.preprocessing.numbers(pixels));
            }
            Pictures::Small(pixels) => {
                for picture in pixels.chunks_exact(IMAGE_BYTES) {
                    // The length is that of the size; an empty picture would be refused.
                    let picture = RgbImage::from_raw(SIDE as u32, SIDE as u32, picture.to_vec()).unwrap_or_default();
                    numbers.extend(self.preprocessing.pixels(&picture)?);
                }
            }
            Pictures::Whole(pictures) => {
                for picture in pictures {
                    numbers.extend(self.preprocessing.pixels(picture)?);
                }
            }
            Pictures::Fitted(pictures) => {
                numbers.extend(pictures.iter().flat_map(|picture| self.preprocessing.numbers(picture.as_raw())));
            }
        }
        Ok(numbers)
    }

    /// The best caption of each picture. `numbers` tell the pictures apart where captions are drawn; a picture has the
    /// same caption alone and among others.
    ///
    /// # Errors
    /// When a picture is empty or absurdly thin, the settings do not fit the decoder, or the device fails.
    /// # Panics
    /// When there are not as many numbers as pictures.
    pub fn caption(
        &self,
        pictures: Pictures<'_>,
        search: &SearchSettings,
        numbers: &[u64],
    ) -> Result<Vec<Said>, SpeakerError> {
        assert_eq!(pictures.len(), numbers.len(), "speaker: one number a picture");
        let size = self.batch();
        let mut said = Vec::with_capacity(numbers.len());
        for (part, numbers) in pictures.parts(size).into_iter().zip(numbers.chunks(size)) {
            for captions in self.captioner.caption(self.see(part)?, search, numbers)? {
                said.push(captions.first().map_or_else(|| Ok(Said::default()), |best| self.said(best, search))?);
            }
        }
        Ok(said)
    }

    fn said(&self, caption: &Caption, search: &SearchSettings) -> Result<Said, SpeakerError> {
        let text = self.tokenizer.decode(caption.words(&search.eos))?;
        Ok(Said { text: text.trim().to_owned(), token_ids: caption.tokens.clone() })
    }
}

/// Writes until it is told not to.
struct Stoppable<'a> {
    out: &'a mut dyn io::Write,
    go_on: &'a mut dyn FnMut() -> bool,
}

impl io::Write for Stoppable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !(self.go_on)() {
            return Err(io::Error::other("it was stopped"));
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
