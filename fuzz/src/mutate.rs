//! Mutations: small damage to good inputs, from a seed.

/// Words that mean something to one reader or another.
const WORDS: [&str; 56] = [
    "0",
    "1",
    "-1",
    "1e308",
    "-0",
    "NaN",
    "inf",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "4294967296",
    "99999999999999999999999999999999999999999",
    "1e-400",
    "ms",
    "s",
    "min",
    "h",
    "d",
    "ns",
    "us",
    "%",
    "ppm",
    "$",
    "/M",
    "/s",
    "/min",
    "k",
    "M",
    "unlimited",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    ",",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "!!",
    "|",
    ">",
    "? ",
    "---\n",
    "\n",
    "\t",
    "\u{0}",
    "\u{feff}",
    "é",
    "🦀",
    "<",
    ">=",
    "p95",
    "<<: ",
];

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough to break things.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Damages `input` in one to eight places. `others` are inputs to take pieces from.
pub fn mutate(rng: &mut Rng, input: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..=rng.below(8) {
        let at = rng.below(input.len() + 1);
        let length = 1 + rng.below(16);
        let end = (at + length).min(input.len());
        match rng.below(10) {
            0 if at < input.len() => input[at] ^= 1 << rng.below(8),
            1 if at < input.len() => input[at] = rng.next() as u8,
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => insert(input, at, WORDS[rng.below(WORDS.len())].as_bytes()),
            5 => {
                let word = WORDS[rng.below(WORDS.len())].as_bytes();
                input.splice(at..end, word.iter().copied());
            }
            6 => {
                let piece = input[at..end].to_vec();
                for _ in 0..1 + rng.below(64) {
                    insert(input, at, &piece);
                }
            }
            7 => {
                let digits = rng.next().to_string();
                let value = input[at..].iter().position(u8::is_ascii_digit);
                if let Some(i) = value.map(|i| at + i) {
                    input.splice(i..=i, digits.bytes());
                }
            }
            8 => {
                let other = &others[rng.below(others.len())];
                let from = rng.below(other.len() + 1);
                let to = (from + 1 + rng.below(200)).min(other.len());
                insert(input, at, &other[from..to]);
            }
            _ => swap_lines(rng, input),
        }
    }
    input.truncate(64 << 10);
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

/// Puts one line in the place of another: keys where they do not belong.
fn swap_lines(rng: &mut Rng, input: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = input.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let (a, b) = (rng.below(lines.len()), rng.below(lines.len()));
    lines.swap(a, b);
    *input = lines.join(&b'\n');
}
