//! Philox4x32-10: a counter-based generator; the draw is a pure function of key and counter.
//!
//! Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
//! SC 2011. The test vectors are those of the authors' Random123 distribution (`kat_vectors`).

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// The keys of all rounds.
pub type Keys = [[u32; 2]; ROUNDS];

/// The keys of all rounds under this key.
pub fn keys(key: [u32; 2]) -> Keys {
    let mut k = key;
    [(); ROUNDS].map(|()| {
        let this = k;
        k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        this
    })
}

/// One block of four 32-bit words for this counter.
#[inline]
pub fn block(keys: &Keys, counter: [u32; 4]) -> [u32; 4] {
    let mut c = counter;
    for k in keys {
        let a = u64::from(MULTIPLIER[0]) * u64::from(c[0]);
        let b = u64::from(MULTIPLIER[1]) * u64::from(c[2]);
        c = [
            (b >> 32) as u32 ^ c[1] ^ k[0],
            b as u32,
            (a >> 32) as u32 ^ c[3] ^ k[1],
            a as u32,
        ];
    }
    c
}

#[cfg(test)]
mod tests {
    use super::{block, keys};

    #[test]
    fn published_test_vectors() {
        assert_eq!(
            block(&keys([0, 0]), [0, 0, 0, 0]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            block(&keys([u32::MAX; 2]), [u32::MAX; 4]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            block(
                &keys([0xa409_3822, 0x299f_31d0]),
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }
}
