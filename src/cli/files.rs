//! Writing result files so that none is ever half there.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::exit::Failure;

/// Writes files into a folder, each put in place whole: it is written beside its place under
/// another name, flushed to disk, and renamed.
pub fn write_all(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| Failure::file(&path, error)
    };
    for (name, bytes) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(failed(parent))?;
        let part = path.with_file_name(format!(
            ".{}.part",
            path.file_name().unwrap_or_default().to_string_lossy()
        ));
        let put = || {
            let mut file = fs::File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &path)
        };
        if let Err(error) = put() {
            // What is left of it is of no use; that it cannot be removed either is no news.
            let _ = fs::remove_file(&part);
            return Err(Failure::file(&path, error));
        }
    }
    Ok(())
}

/// Makes a folder, if it is not there, and finds out whether files can be put into it.
pub fn try_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::file(folder, error))?;
    let trial = folder.join(".trial.part");
    fs::File::create(&trial).map_err(|error| Failure::file(&trial, error))?;
    remove(&trial)
}

/// Removes a file if it is there.
pub fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::file(path, error))
        }
        _ => Ok(()),
    }
}
