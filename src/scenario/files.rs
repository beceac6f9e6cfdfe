//! Files from outside, never read before their size is known.

use std::fmt::Write;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::units::text::count;

/// Why a file was not read; reads as a continuation of its name.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// The system does not let us.
    #[error("cannot be read: {}", reason(.0))]
    Unreadable(io::Error),
    /// It is a folder.
    #[error("is a folder, not a file")]
    Folder,
    /// It is a pipe, a device or the like.
    #[error("is no ordinary file: what comes through a pipe must be saved as one first")]
    NotAFile,
    /// It is too large.
    #[error("has {} bytes: at most {} are read", count((*.size).into()), count((*.most).into()))]
    TooLarge {
        /// Its size \[bytes\].
        size: u64,
        /// The most that is read \[bytes\].
        most: u64,
    },
    /// It is not text.
    #[error("is not UTF-8 text: byte {} of line {line} is wrong", count((*.byte as u64).into()))]
    NotText {
        /// The line of the first wrong byte, from 1.
        line: usize,
        /// The place of that byte in its line, from 1.
        byte: usize,
    },
}

/// Opens a file of at most `most` bytes. More than that is never read, even if it grows.
pub(super) fn open(path: &Path, most: u64) -> Result<impl Read, FileError> {
    let about = std::fs::metadata(path).map_err(FileError::Unreadable)?;
    if about.is_dir() {
        return Err(FileError::Folder);
    }
    if !about.is_file() {
        return Err(FileError::NotAFile);
    }
    let size = about.len();
    if size > most {
        return Err(FileError::TooLarge { size, most });
    }
    let file = std::fs::File::open(path).map_err(FileError::Unreadable)?;
    Ok(file.take(most))
}

/// Something that is read, and the SHA-256 of what was read of it.
pub(super) struct Hashed<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Hashed<R> {
    /// Hashes what will be read.
    pub(super) fn new(inner: R) -> Hashed<R> {
        let hash = Sha256::new();
        Hashed { inner, hash }
    }

    /// The SHA-256 of all of it, in hexadecimal digits, also of what has not been read yet.
    pub(super) fn finish(mut self) -> io::Result<String> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(hex(self.hash))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(into)?;
        self.hash.update(&into[..n]);
        Ok(n)
    }
}

/// The SHA-256 of a text, in hexadecimal digits.
pub(super) fn sha256(text: &str) -> String {
    hex(Sha256::new().chain_update(text))
}

fn hex(hash: Sha256) -> String {
    let mut digits = String::new();
    for byte in hash.finalize() {
        write!(digits, "{byte:02x}").expect("a string takes all that is written");
    }
    digits
}

/// The text of a file of at most `most` bytes.
pub(super) fn read_text(path: &Path, most: u64) -> Result<String, FileError> {
    let mut bytes = Vec::new();
    let mut file = open(path, most)?;
    file.read_to_end(&mut bytes)
        .map_err(FileError::Unreadable)?;
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line_start = good.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        FileError::NotText {
            line: good.iter().filter(|b| **b == b'\n').count() + 1,
            byte: good.len() - line_start + 1,
        }
    })
}

/// Why a file could not be read, without the system's error number.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8], most: u64) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, bytes).unwrap();
        match read_text(&path, most) {
            Ok(text) => text,
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        assert_eq!(told(b"abc", 3), "abc");
        assert_eq!(told(b"abcd", 3), "has 4 bytes: at most 3 are read");
        assert_eq!(
            told(b"a\nb\xff", 9),
            "is not UTF-8 text: byte 2 of line 2 is wrong"
        );
        let here = read_text(Path::new("."), 9).unwrap_err();
        assert_eq!(here.to_string(), "is a folder, not a file");
        let nowhere = read_text(Path::new("nowhere"), 9).unwrap_err();
        assert_eq!(
            nowhere.to_string(),
            "cannot be read: no such file or directory"
        );
    }

    #[test]
    fn the_hash_is_that_of_the_whole_file() {
        // The first test vector of FIPS 180-2.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256("abc"), abc);
        let mut file = Hashed::new(&b"abc"[..]);
        file.read_exact(&mut [0]).unwrap();
        assert_eq!(file.finish().unwrap(), abc);
    }
}
