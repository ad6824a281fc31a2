//! Every size and switch of a captioner, and whether they fit each other.

use crate::ops::Activation;

/// A captioner: what sees, and what speaks.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptionerSettings {
    pub eyes: EyesSettings,
    pub decoder: Gpt2Settings,
}

/// Where image tokens come from.
#[derive(Clone, Debug, PartialEq)]
pub enum EyesSettings {
    /// From pictures, by a transformer of its own.
    Vit(VitSettings),
    /// From feature maps of another net, one group after the other.
    Borrowed(Vec<Group>),
}

/// Feature maps of one size as tokens: `(B, tokens, width)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub tokens: usize,
    pub width: usize,
}

/// A vision transformer (Dosovitskiy et al. 2021), named as in Hugging Face's `ViTConfig`.
#[derive(Clone, Debug, PartialEq)]
pub struct VitSettings {
    /// Height and width of the pictures, in pixels.
    pub image: [usize; 2],
    /// Channels of a pixel.
    pub channels: usize,
    pub patches: Patches,
    /// One more token, in front, that stands for no place.
    pub class_token: bool,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    /// Width between the two layers of each block's perceptron.
    pub inner: usize,
    pub qkv_bias: bool,
    pub activation: Activation,
    /// Added to the variances of the layer norms.
    pub eps: f32,
    /// Share of the numbers that are zeroed behind the embedding and behind each part of a block while it trains.
    pub dropout: f32,
}

/// How pixels become tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Patches {
    /// Each rectangle of this height and width by one linear layer.
    Plain([usize; 2]),
    /// By 3x3 convolutions with batch norm and GELU, one stage after the other; each pixel that is left is a token.
    Stem(Vec<Stage>),
}

/// One convolution of a stem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The last stage has the transformer's width.
    pub channels: usize,
    /// Takes the largest of each 2x2 and so halves the sides.
    pub pool: bool,
}

/// GPT-2 with cross-attention (Radford et al. 2019), named as in Hugging Face's `GPT2Config`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpt2Settings {
    pub vocabulary: usize,
    pub positions: usize,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    /// Width between the two layers of each block's perceptron.
    pub inner: usize,
    pub activation: Activation,
    /// Added to the variances of the layer norms.
    pub eps: f32,
    /// Scores are divided by the root of a head's width (`scale_attn_weights`).
    pub scaled: bool,
    /// Scores of the `i`-th layer, from 1, are divided by `i` too (`scale_attn_by_inverse_layer_idx`).
    pub scaled_by_layer: bool,
    /// The head is the table of tokens.
    pub tied: bool,
    /// Share of the numbers that are zeroed behind the embedding (`embd_pdrop`) while it trains.
    pub embedding_dropout: f32,
    /// The same behind each part of a block (`resid_pdrop`). Weights of attention are never dropped.
    pub residual_dropout: f32,
}

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
    /// A vision transformer of `image` x `image` pixels in plain patches of `patch` x `patch`, as Hugging Face has it but
    /// for its sizes.
    pub fn plain(image: usize, patch: usize, width: usize, layers: usize, heads: usize) -> Self {
        Self {
            image: [image; 2],
            channels: 3,
            patches: Patches::Plain([patch; 2]),
            class_token: true,
            width,
            layers,
            heads,
            inner: 4 * width,
            qkv_bias: true,
            activation: Activation::Gelu,
            eps: 1e-12,
            dropout: 0.0,
        }
    }

    /// The preset for 32x32 pixels: a stem of 32, 64 and `width` channels down to 8x8 tokens (Xiao et al. 2021, "Early
    /// Convolutions Help Transformers See Better", with pools in the place of strides), and no class token, which a
    /// decoder that looks at all tokens does not need.
    pub fn with_stem(width: usize, layers: usize, heads: usize) -> Self {
        let stages = [(32, true), (64, false), (width, true)];
        let patches = Patches::Stem(stages.map(|(channels, pool)| Stage { channels, pool }).to_vec());
        Self { patches, class_token: false, ..Self::plain(32, 4, width, layers, heads) }
    }

    /// Rows and columns of patches.
    pub fn grid(&self) -> [usize; 2] {
        match &self.patches {
            Patches::Plain(side) => [0, 1].map(|axis| self.image[axis] / side[axis].max(1)),
            Patches::Stem(stages) => {
                let pools = stages.iter().filter(|stage| stage.pool).count();
                self.image.map(|side| side.checked_shr(pools as u32).unwrap_or(0))
            }
        }
    }

    /// Tokens of a picture.
    pub fn tokens(&self) -> usize {
        let [rows, columns] = self.grid();
        rows * columns + usize::from(self.class_token)
    }

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
    /// GPT-2 but for its sizes; what trains from nothing has no dropout until it is asked for.
    pub fn new(vocabulary: usize, positions: usize, width: usize, layers: usize, heads: usize) -> Self {
        Self {
            vocabulary,
            positions,
            width,
            layers,
            heads,
            inner: 4 * width,
            activation: Activation::GeluTanh,
            eps: 1e-5,
            scaled: true,
            scaled_by_layer: false,
            tied: true,
            embedding_dropout: 0.0,
            residual_dropout: 0.0,
        }
    }

    /// What the scores of a layer, counted from 0, are multiplied by.
    pub fn scale(&self, layer: usize) -> f32 {
        let root = if self.scaled { ((self.width / self.heads) as f32).sqrt() } else { 1.0 };
        let depth = if self.scaled_by_layer { (layer + 1) as f32 } else { 1.0 };
        1.0 / (root * depth)
    }

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
        let tables = vocabulary * if self.tied { 1 } else { 2 } + self.positions as u64;
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

    /// Width of the image tokens, before a projection to the decoder's.
    pub fn eyes_width(&self) -> usize {
        match &self.eyes {
            EyesSettings::Vit(vit) => vit.width,
            EyesSettings::Borrowed(_) => self.decoder.width,
        }
    }

    /// Image tokens of a picture.
    pub fn image_tokens(&self) -> usize {
        match &self.eyes {
            EyesSettings::Vit(vit) => vit.tokens(),
            EyesSettings::Borrowed(groups) => groups.iter().map(|group| group.tokens).sum(),
        }
    }

    /// Roughly: a few vectors are left out.
    pub(super) fn parameters(&self) -> u64 {
        let width = self.decoder.width as u64;
        let eyes = match &self.eyes {
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
