//! Whether the sizes of a captioner fit each other, and how large it will be.

use super::settings::{CaptionerSettings, EyesSettings, Gpt2Settings, Patches, VitSettings};

/// Settings that make no captioner.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("the {net}'s {what} is {found}: it must be {due}")]
    Size { net: &'static str, what: &'static str, found: String, due: String },
    #[error("the captioner would have more than {most} parameters, which is more than this program loads")]
    TooLarge { most: u64 },
}

/// Parameters at most: sizes come from files, and memory grows with them. 8.6 GB.
pub const MOST_PARAMETERS: u64 = 1 << 31;
/// Layers at most, and the largest of all other sizes: products of a few of them fit 64 bits.
const MOST_LAYERS: usize = 1 << 10;
const LARGEST: usize = 1 << 20;

impl VitSettings {
    fn check(&self) -> Result<(), SettingsError> {
        let net = Net("encoder");
        for (what, size) in [("width", self.width), ("inner width", self.inner), ("channels", self.channels)] {
            net.size(what, size)?;
        }
        self.image.iter().try_for_each(|&side| net.size("image size", side))?;
        net.blocks(self.layers, self.heads, self.width)?;
        net.eps(self.eps)?;
        net.share("dropout", self.dropout)?;
        match &self.patches {
            Patches::Plain(patch) => {
                let fits = (0..2).all(|axis| patch[axis] > 0 && self.image[axis].is_multiple_of(patch[axis]));
                net.holds(fits, "patch size", format!("{patch:?}"), format!("a divisor of {:?}", self.image))
            }
            Patches::Stem(stages) => {
                stages.iter().try_for_each(|stage| net.size("stem", stage.channels))?;
                let last = stages.last().map_or(0, |stage| stage.channels);
                net.holds(last == self.width, "last stage", last.to_string(), format!("{} wide", self.width))?;
                let count = stages.len();
                net.holds(count <= MOST_LAYERS, "stem", count.to_string(), format!("at most {MOST_LAYERS} stages"))?;
                let pixels = self.grid().iter().product::<usize>();
                net.holds(pixels > 0, "stem", "too deep".to_owned(), "such that a pixel is left".to_owned())
            }
        }
    }

    fn parameters(&self) -> u64 {
        let [width, inner, channels] = [self.width, self.inner, self.channels].map(|size| size as u64);
        let block = 4 * width * width + 2 * width * inner + inner + 9 * width;
        let patches = match &self.patches {
            Patches::Plain(side) => {
                let pixels = side.iter().fold(channels, |pixels, &side| pixels.saturating_mul(side as u64));
                pixels.saturating_mul(width)
            }
            Patches::Stem(stages) => {
                let inputs = std::iter::once(channels).chain(stages.iter().map(|stage| stage.channels as u64));
                inputs.zip(stages).map(|(inputs, stage)| (9 * inputs + 4) * stage.channels as u64).sum()
            }
        };
        let places = (self.tokens() as u64).saturating_mul(width);
        (self.layers as u64).saturating_mul(block).saturating_add(patches).saturating_add(places)
    }
}

impl Gpt2Settings {
    fn check(&self) -> Result<(), SettingsError> {
        let net = Net("decoder");
        for (what, size) in [
            ("vocabulary", self.vocabulary),
            ("number of positions", self.positions),
            ("width", self.width),
            ("inner width", self.inner),
        ] {
            net.size(what, size)?;
        }
        net.blocks(self.layers, self.heads, self.width)?;
        net.eps(self.eps)?;
        net.share("embedding dropout", self.embedding_dropout)?;
        net.share("residual dropout", self.residual_dropout)
    }

    fn parameters(&self) -> u64 {
        let [width, inner, vocabulary] = [self.width, self.inner, self.vocabulary].map(|size| size as u64);
        let block = 8 * width * width + 2 * width * inner + inner + 15 * width;
        let tables = vocabulary * (1 + u64::from(!self.tied)) + self.positions as u64;
        (self.layers as u64).saturating_mul(block).saturating_add(tables * width)
    }
}

impl CaptionerSettings {
    /// Whether the settings make a captioner. Nothing that is checked is larger than [`MOST_PARAMETERS`].
    ///
    /// # Errors
    /// The first size that does not fit.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.decoder.check()?;
        match &self.eyes {
            EyesSettings::Vit(vit) => vit.check()?,
            EyesSettings::Borrowed(groups) => {
                let net = Net("borrowed encoder");
                let count = groups.len();
                net.holds((1..=MOST_LAYERS).contains(&count), "number of maps", count.to_string(), "1 to 1024".into())?;
                for group in groups {
                    net.size("map's width", group.width)?;
                    net.size("number of tokens", group.tokens)?;
                }
            }
        }
        let most = MOST_PARAMETERS;
        if self.parameters() <= most { Ok(()) } else { Err(SettingsError::TooLarge { most }) }
    }

    /// Roughly: a few vectors are left out.
    pub(super) fn parameters(&self) -> u64 {
        let width = self.decoder.width as u64;
        let eyes = match &self.eyes {
            EyesSettings::Vit(vit) if vit.width == self.decoder.width => vit.parameters(),
            EyesSettings::Vit(vit) => vit.parameters().saturating_add(vit.width as u64 * width),
            EyesSettings::Borrowed(groups) => {
                groups.iter().map(|group| (group.tokens + group.width) as u64 * width).fold(0, u64::saturating_add)
            }
        };
        self.decoder.parameters().saturating_add(eyes)
    }
}

/// The net that a refusal names.
#[derive(Clone, Copy)]
struct Net(&'static str);

impl Net {
    fn holds(self, holds: bool, what: &'static str, found: String, due: String) -> Result<(), SettingsError> {
        if holds { Ok(()) } else { Err(SettingsError::Size { net: self.0, what, found, due }) }
    }

    fn size(self, what: &'static str, size: usize) -> Result<(), SettingsError> {
        self.holds((1..=LARGEST).contains(&size), what, size.to_string(), format!("1 to {LARGEST}"))
    }

    fn blocks(self, layers: usize, heads: usize, width: usize) -> Result<(), SettingsError> {
        let due = format!("1 to {MOST_LAYERS}");
        self.holds((1..=MOST_LAYERS).contains(&layers), "number of layers", layers.to_string(), due)?;
        let fits = heads > 0 && width.is_multiple_of(heads);
        self.holds(fits, "number of heads", heads.to_string(), format!("a divisor of its width {width}"))
    }

    fn eps(self, eps: f32) -> Result<(), SettingsError> {
        let fits = eps > 0.0 && eps <= 1.0;
        self.holds(fits, "layer norm eps", eps.to_string(), "above 0 and at most 1".to_owned())
    }

    fn share(self, what: &'static str, share: f32) -> Result<(), SettingsError> {
        self.holds((0.0..1.0).contains(&share), what, share.to_string(), "at least 0 and below 1".to_owned())
    }
}
