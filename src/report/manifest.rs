//! `manifest.json`: what made the files beside it, enough to reproduce every byte of them.
//!
//! It knows no clock and no machine: two people who run the same scenario have the same manifest.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::experiment::document::Document;

/// The version of the file's form.
pub const SCHEMA: &str = "squall.manifest/1";

#[derive(Serialize)]
struct Manifest<'a> {
    schema: &'static str,
    squall: &'a str,
    scenario: &'a str,
    scenario_hash: &'a str,
    seed: u64,
    replications: u32,
    overrides: &'a [String],
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    bytes: usize,
    sha256: String,
}

/// The manifest's bytes for these files, in their order.
pub fn manifest_json(
    doc: &Document,
    files: &[(String, Vec<u8>)],
) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(&Manifest {
        schema: SCHEMA,
        squall: &doc.version,
        scenario: &doc.scenario,
        scenario_hash: &doc.scenario_hash,
        seed: doc.seed,
        replications: doc.replications,
        overrides: &doc.overrides,
        files: files
            .iter()
            .map(|(name, content)| File {
                name,
                bytes: content.len(),
                sha256: sha256_hex(content),
            })
            .collect(),
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// SHA-256 in lower-case hexadecimal (FIPS 180-4).
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_hash_is_sha_256() {
        // FIPS 180-4, example "abc".
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn it_lists_each_file_and_what_made_it() {
        let doc = fixture::document(1);
        let files = [("a.txt".to_owned(), b"abc".to_vec())];
        let bytes = manifest_json(&doc, &files).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["files"][0]["bytes"], 3);
        assert_eq!(value["seed"], doc.seed);
        assert_eq!(value["scenario_hash"], doc.scenario_hash);
    }
}
