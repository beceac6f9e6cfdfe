//! The rules of the house that a machine can see: who imports whom, how long files are, what must
//! not be written.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// For each room of `src/`, the rooms that it may import; as in ARCHITECTURE.md.
const ROOMS: [(&str, &[&str]); 15] = [
    ("units", &[]),
    ("wire", &["units"]),
    ("random", &["units"]),
    ("engine", &["units"]),
    ("statistics", &["units"]),
    ("resilience", &["units", "random", "wire"]),
    ("world", &["units", "random", "wire"]),
    ("presets", &[]),
    (
        "scenario",
        &["units", "random", "wire", "resilience", "world", "presets"],
    ),
    (
        "simulation",
        &[
            "units",
            "random",
            "wire",
            "engine",
            "resilience",
            "world",
            "scenario",
        ],
    ),
    (
        "meter",
        &[
            "units",
            "wire",
            "world",
            "scenario",
            "simulation",
            "statistics",
        ],
    ),
    (
        "experiment",
        &[
            "units",
            "random",
            "wire",
            "world",
            "scenario",
            "simulation",
            "meter",
            "statistics",
        ],
    ),
    (
        "report",
        &[
            "units",
            "wire",
            "scenario",
            "simulation",
            "experiment",
            "statistics",
        ],
    ),
    (
        "validation",
        &[
            "units",
            "random",
            "wire",
            "scenario",
            "simulation",
            "statistics",
        ],
    ),
    (
        "cli",
        &[
            "validation",
            "units",
            "wire",
            "random",
            "presets",
            "resilience",
            "scenario",
            "simulation",
            "experiment",
            "report",
        ],
    ),
];

/// The most lines of a source file.
const MOST_LINES: usize = 600;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The lines of a file before its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let tests = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..tests].to_owned()
}

#[test]
fn imports_go_one_way() {
    let mut wrong = vec![];
    for (room, allowed) in ROOMS {
        let folder = Path::new("src").join(room);
        let files = if folder.is_dir() {
            sources(&folder)
        } else {
            vec![folder.with_extension("rs")]
        };
        for file in files {
            for (i, line) in code(&file).lines().enumerate() {
                let is_comment = line.trim_start().starts_with("//");
                for (at, _) in line.match_indices("crate::").filter(|_| !is_comment) {
                    let other: String = line[at + 7..]
                        .chars()
                        .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                        .collect();
                    let known = ROOMS.iter().any(|(name, _)| *name == other);
                    if known && other != room && !allowed.contains(&other.as_str()) {
                        wrong.push(format!("{}:{}: {other}", file.display(), i + 1));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not allowed here:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_is_known_here_and_on_the_map() {
    let map = fs::read_to_string("ARCHITECTURE.md").unwrap();
    for entry in fs::read_dir("src").unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["lib", "main"].contains(&room.as_str()) {
            continue;
        }
        let known = ROOMS.iter().any(|(name, _)| *name == room);
        assert!(known, "the room `{room}` is not in this test's table");
        assert!(
            map.contains(&format!("| `{room}` |")),
            "no `{room}` on the map"
        );
    }
}

#[test]
fn files_open_with_what_they_are_for_and_stay_short() {
    for folder in ["src", "tests", "benches"] {
        for file in sources(Path::new(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.display();
            assert!(text.starts_with("//! "), "{name} has no opening paragraph");
            let lines = text.lines().count();
            assert!(lines <= MOST_LINES, "{name} has {lines} lines: two ideas?");
        }
    }
}

#[test]
fn nothing_is_left_unsaid() {
    let leftovers = [
        "todo!",
        "unimplemented!",
        "dbg!",
        "FIXME",
        "HACK",
        "println!",
    ];
    for file in sources(Path::new("src")) {
        for (i, line) in code(&file).lines().enumerate() {
            for word in leftovers {
                let at = format!("{}:{}: {word}", file.display(), i + 1);
                assert!(!line.contains(word), "{at}");
            }
        }
    }
}
