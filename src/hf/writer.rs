//! Writing a folder that transformers' `VisionEncoderDecoderModel.from_pretrained` loads.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{self, File, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ::safetensors::tensor::{Dtype, Metadata, TensorInfo};
use tempfile::TempDir;

use super::error::{HfError, quoted};
use super::{Config, Generation, Preprocessing, Tokenizer};
use super::{config, generation, preprocess, weights};

/// What the names of half-written folders begin with.
const TEMP_PREFIX: &str = ".half-";
/// The header is filled up with blanks to a multiple of this, so that the numbers lie aligned.
const ALIGNMENT: usize = 8;

/// All of a folder but its numbers.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    pub config: &'a Config,
    pub generation: &'a Generation,
    pub preprocessing: &'a Preprocessing,
    pub tokenizer: &'a Tokenizer,
}

/// A folder under way. Nothing of it is seen before [`FolderWriter::finish`], and a dropped one leaves nothing.
#[derive(Debug)]
pub struct FolderWriter {
    target: PathBuf,
    temp: TempDir,
    file: BufWriter<File>,
    /// Names and lengths of the tensors that are still to come.
    due: VecDeque<(String, usize)>,
}

impl FolderWriter {
    /// Writes the small files and the header of model.safetensors beside `target`; `tensors` are names and shapes, in
    /// the order in which the numbers will come.
    ///
    /// # Errors
    /// When `target` exists, a name comes twice, or the disk refuses.
    pub fn create(
        target: &Path,
        description: &Description<'_>,
        tensors: &[(String, Vec<usize>)],
    ) -> Result<Self, HfError> {
        refuse_existing(target)?;
        let beside = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(beside).map_err(HfError::io("create", beside))?;
        // The umask decides who may read it, as for any folder.
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMP_PREFIX).permissions(Permissions::from_mode(0o777));
        let temp = builder.tempdir_in(beside).map_err(HfError::io("write into", beside))?;
        for (name, content) in description.files()? {
            let path = temp.path().join(name);
            fs::write(&path, content).map_err(HfError::io("write", &path))?;
        }
        let path = temp.path().join(weights::FILE);
        let file = File::create(&path).map_err(HfError::io("write", &path))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&header(tensors)?).map_err(HfError::io("write", &path))?;
        let due = tensors.iter().map(|(name, shape)| (name.clone(), shape.iter().product())).collect();
        Ok(Self { target: target.to_path_buf(), temp, file, due })
    }

    /// Writes the numbers of the next tensor, which must be `name`.
    ///
    /// # Errors
    /// When another tensor or another count of numbers is due, or the disk refuses.
    pub fn tensor(&mut self, name: &str, values: &[f32]) -> Result<(), HfError> {
        let due = self.due.pop_front();
        if due.as_ref().is_none_or(|(due, length)| due != name || *length != values.len()) {
            let due = due.map_or("nothing".into(), |(due, length)| format!("{} with {length} numbers", quoted(&due)));
            let problem = format!("{} with {} numbers came where {due} is due", quoted(name), values.len());
            return Err(HfError::Unwritable(problem));
        }
        let failed = HfError::io("write the weights of", &self.target);
        values.iter().try_for_each(|value| self.file.write_all(&value.to_le_bytes())).map_err(failed)
    }

    /// Gives the folder its name.
    ///
    /// # Errors
    /// When tensors are still to come, the name was taken meanwhile, or the disk refuses.
    pub fn finish(self) -> Result<(), HfError> {
        if let Some((name, _)) = self.due.front() {
            return Err(HfError::Unwritable(format!("{} tensors are missing, {} first", self.due.len(), quoted(name))));
        }
        let failed = || HfError::io("write", &self.target);
        let file = self.file.into_inner().map_err(|failure| failed()(failure.into_error()))?;
        file.sync_all().map_err(failed())?;
        refuse_existing(&self.target)?;
        fs::rename(self.temp.path(), &self.target).map_err(failed())?;
        // It bears its own name now, so there is nothing to remove.
        let _renamed = self.temp.keep();
        Ok(())
    }
}

impl Description<'_> {
    /// Names and contents of everything but the weights.
    fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>, HfError> {
        let json = [
            (config::FILE, self.config.to_json()),
            (generation::FILE, self.generation.to_json()),
            (preprocess::FILE, self.preprocessing.to_json()),
        ];
        let mut files = self.tokenizer.files()?;
        files.extend(json.map(|(name, content)| (name, format!("{content:#}\n").into_bytes())));
        Ok(files)
    }
}

fn refuse_existing(target: &Path) -> Result<(), HfError> {
    match fs::symlink_metadata(target) {
        Ok(_) => Err(HfError::Exists(target.to_path_buf())),
        Err(_) => Ok(()),
    }
}

/// The head of a safetensors file: its length as 8 bytes, then JSON that tells each tensor's type, shape and place.
fn header(tensors: &[(String, Vec<usize>)]) -> Result<Vec<u8>, HfError> {
    let unwritable = |problem: String| HfError::Unwritable(problem);
    let mut names = HashSet::new();
    if let Some(twice) = tensors.iter().map(|(name, _)| name).find(|name| !names.insert(*name)) {
        return Err(unwritable(format!("two tensors are named {}", quoted(twice))));
    }
    let mut end = 0;
    let place = |(name, shape): &(String, Vec<usize>)| {
        let start = end;
        end += shape.iter().product::<usize>() * size_of::<f32>();
        (name.clone(), TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (start, end) })
    };
    // transformers looks for this note.
    let note = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let places = tensors.iter().map(place).collect();
    let metadata = Metadata::new(Some(note), places).map_err(|source| unwritable(source.to_string()))?;
    let mut json = serde_json::to_vec(&metadata).map_err(|source| unwritable(source.to_string()))?;
    json.resize(json.len().next_multiple_of(ALIGNMENT), b' ');
    Ok([&(json.len() as u64).to_le_bytes()[..], &json].concat())
}

#[cfg(test)]
mod tests;
