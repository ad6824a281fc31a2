//! preprocessor_config.json into a [`Preprocessing`]; what it leaves out is as each processor of transformers has it.

use super::super::error::{HfError, quoted};
use super::super::json::Fields;
use super::{Filter, Preprocessing, Size};

/// Sides of the model's input, in pixels.
const MAX_SIDE: usize = 1 << 13;

/// What a processor does when its file says nothing.
struct Defaults {
    size: Size,
    filter: Filter,
    /// Side of a square, and whether it is cropped.
    crop: (u32, bool),
    mean: [f32; 3],
    deviation: [f32; 3],
}

const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
const OPENAI: ([f32; 3], [f32; 3]) = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.261_302_6, 0.275_777_1]);

/// The defaults of a processor's name, without its ending: these three have the steps that are known here.
fn defaults(processor: &str) -> Option<Defaults> {
    let square = |side| Size::Exact { width: side, height: side };
    Some(match processor {
        "ViT" => Defaults {
            size: square(224),
            filter: Filter::Bilinear,
            crop: (224, false),
            mean: [0.5; 3],
            deviation: [0.5; 3],
        },
        "DeiT" => Defaults {
            size: square(256),
            filter: Filter::Bicubic,
            crop: (224, true),
            mean: IMAGENET.0,
            deviation: IMAGENET.1,
        },
        "CLIP" => Defaults {
            size: Size::ShortestEdge(224),
            filter: Filter::Bicubic,
            crop: (224, true),
            mean: OPENAI.0,
            deviation: OPENAI.1,
        },
        _ => return None,
    })
}

pub(super) fn preprocessing(fields: Fields<'_>) -> Result<Preprocessing, HfError> {
    let defaults = processor(fields)?;
    let does = |key: &str, default| Ok::<_, HfError>(fields.flag(key)?.unwrap_or(default));
    let resize = match does("do_resize", true)? {
        true => Some((size(fields, "size", defaults.size)?, filter(fields, defaults.filter)?)),
        false => None,
    };
    let crop = match does("do_center_crop", defaults.crop.1)? {
        true => Some(crop(fields, defaults.crop.0)?),
        false => None,
    };
    let rescale = match does("do_rescale", true)? {
        true => Some(fields.number("rescale_factor")?.unwrap_or(1.0 / 255.0)),
        false => None,
    };
    let normalise = match does("do_normalize", true)? {
        true => {
            Some((channels(fields, "image_mean", defaults.mean)?, channels(fields, "image_std", defaults.deviation)?))
        }
        false => None,
    };
    if let Some((_, deviation)) = normalise
        && deviation.iter().any(|x| *x <= 0.0)
    {
        return Err(fields.wrong("image_std", "must be above 0 in every channel"));
    }
    Ok(Preprocessing { resize, crop, rescale, normalise })
}

/// Told by either of two keys: newer files name an image processor, older ones a feature extractor. ViT if by none.
fn processor(fields: Fields<'_>) -> Result<Defaults, HfError> {
    let keys = ["image_processor_type", "feature_extractor_type"];
    let key = keys.into_iter().find(|key| fields.get(key).is_some()).unwrap_or(keys[0]);
    let name = fields.text(key)?.unwrap_or("ViTImageProcessor");
    let endings = ["ImageProcessorFast", "ImageProcessorPil", "ImageProcessor", "FeatureExtractor"];
    let known = endings.iter().find_map(|ending| defaults(name.strip_suffix(ending)?));
    known.ok_or_else(|| fields.wrong(key, format!("is {}; those of ViT, DeiT and CLIP are known", quoted(name))))
}

/// A whole number, `{height, width}` or `{shortest_edge}`.
fn size(fields: Fields<'_>, key: &'static str, default: Size) -> Result<Size, HfError> {
    let pixels = |fields: Fields<'_>, key: &str| Ok::<_, HfError>(fields.count(key, 1, MAX_SIDE)?.map(|n| n as u32));
    match fields.get(key) {
        None => return Ok(default),
        Some(value) if value.is_number() => {
            let side = pixels(fields, key)?.unwrap_or(1);
            // A bare number means whatever the processor's own default is the size of.
            return Ok(match default {
                Size::Exact { .. } => Size::Exact { width: side, height: side },
                Size::ShortestEdge(_) => Size::ShortestEdge(side),
            });
        }
        Some(value) if value.as_array().is_some_and(|sides| sides.len() == 2) => {
            return Err(fields.wrong(key, "is a list; a whole number or {\"height\", \"width\"} is needed"));
        }
        Some(_) => {}
    }
    if let Some(object) = fields.object(key)? {
        if let (Some(height), Some(width)) = (pixels(object, "height")?, pixels(object, "width")?) {
            return Ok(Size::Exact { width, height });
        }
        if let (Some(edge), None) = (pixels(object, "shortest_edge")?, object.get("longest_edge")) {
            return Ok(Size::ShortestEdge(edge));
        }
    }
    Err(fields.wrong(key, "must be a whole number, {\"height\", \"width\"} or {\"shortest_edge\"}"))
}

fn crop(fields: Fields<'_>, default: u32) -> Result<(u32, u32), HfError> {
    match size(fields, "crop_size", Size::Exact { width: default, height: default })? {
        Size::Exact { width, height } => Ok((width, height)),
        Size::ShortestEdge(_) => Err(fields.wrong("crop_size", "must be a whole number or {\"height\", \"width\"}")),
    }
}

fn filter(fields: Fields<'_>, default: Filter) -> Result<Filter, HfError> {
    let Some(number) = fields.count("resample", 0, 5)? else { return Ok(default) };
    Filter::numbered(number as u64).ok_or_else(|| fields.wrong("resample", "is no filter of PIL's"))
}

/// One number for each of red, green and blue.
fn channels(fields: Fields<'_>, key: &str, default: [f32; 3]) -> Result<[f32; 3], HfError> {
    let Some(value) = fields.get(key) else { return Ok(default) };
    let finite = |value: &serde_json::Value| value.as_f64().map(|x| x as f32).filter(|x| x.is_finite());
    let numbers = value.as_array().and_then(|list| list.iter().map(finite).collect::<Option<Vec<_>>>());
    let numbers = numbers.or_else(|| finite(value).map(|one| vec![one; 3]));
    numbers
        .and_then(|numbers| <[f32; 3]>::try_from(numbers).ok())
        .ok_or_else(|| fields.wrong(key, "must be three finite numbers"))
}
