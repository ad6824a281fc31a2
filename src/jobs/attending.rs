//! Having a picture captioned, and where each word was looked for.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use serde::Deserialize;

use super::asking::{ask, save_for};
use super::order::Text;
use crate::run::{RunName, plain_text};

/// A caption, and where each of its words was looked for.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Rows and columns of the maps.
    pub grid: [usize; 2],
    /// Each word, and the share of each cell of the grid, row by row.
    pub words: Vec<(String, Vec<f32>)>,
}

/// One element of what `pixscribe caption --attention --json` prints.
#[derive(Debug, Deserialize)]
struct Said {
    attention: Looks,
}

#[derive(Debug, Deserialize)]
struct Looks {
    grid: [usize; 2],
    words: Vec<Look>,
}

#[derive(Debug, Deserialize)]
struct Look {
    word: String,
    shares: Vec<f32>,
}

/// Has `program` (this very program) caption the picture. With no model, it takes the one that came with it.
pub async fn attend(
    program: &Path,
    runs_root: &Path,
    picture: Arc<RgbImage>,
    model: Option<RunName>,
) -> Result<Attention, Text> {
    let (_folder, file) = save_for(picture).await?;
    let mut arguments: Vec<OsString> = vec!["caption".into(), "--json".into(), "--attention".into()];
    if let Some(model) = model {
        arguments.extend(["--model".into(), model.as_str().into()]);
    }
    arguments.extend(["--".into(), file.into()]);
    let said: Vec<Said> = ask(program, runs_root, arguments).await?;
    read(said.into_iter().next().ok_or_else(|| Text::of("it said nothing"))?)
}

fn read(said: Said) -> Result<Attention, Text> {
    let Looks { grid, words } = said.attention;
    let cells = grid[0].checked_mul(grid[1]).filter(|cells| *cells > 0);
    if words.is_empty() || words.iter().any(|look| Some(look.shares.len()) != cells) {
        return Err(Text::of("its answer makes no sense: no word, or a map of another size"));
    }
    let words = words.into_iter().map(|look| (plain_text(&look.word).into_owned(), look.shares));
    Ok(Attention { grid, words: words.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::asking::parse;

    fn answer(text: &str) -> Result<Attention, Text> {
        let said: Vec<Said> = parse(text.as_bytes())?;
        read(said.into_iter().next().unwrap())
    }

    #[test]
    fn the_answer_of_caption_is_read_and_maps_of_another_size_are_refused() {
        let text = |shares: &str| {
            format!(r#"[{{"path":"p","attention":{{"grid":[1,2],"words":[{{"word":"cat","shares":{shares}}}]}}}}]"#)
        };
        let found = answer(&text("[0.25,0.75]")).unwrap();
        assert_eq!((found.grid, found.words), ([1, 2], vec![("cat".to_owned(), vec![0.25, 0.75])]));
        assert!(answer(&text("[0.25]")).unwrap_err().as_str().contains("another size"));
    }
}
