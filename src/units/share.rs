//! Shares: probabilities and fractions as parts per million.

/// A fraction between nothing and all of it \[parts per million\].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub u32);

impl Share {
    /// 0 %.
    pub const NONE: Share = Share(0);
    /// 100 %.
    pub const ALL: Share = Share(1_000_000);

    /// The share as a number in \[0, 1\].
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// Whether a 32-bit coin falls within this share: true for `share` of all coins.
    ///
    /// Exact for 0 % and 100 %; elsewhere right to one part in 2³².
    #[inline]
    pub fn hits(self, coin: u32) -> bool {
        u64::from(coin) < self.of_coins()
    }

    /// The least number above all 32-bit coins that fall within this share.
    #[inline]
    pub fn of_coins(self) -> u64 {
        (u64::from(self.0) << 32) / 1_000_000
    }

    /// The part of `tokens` that this share covers, rounded down.
    #[inline]
    pub fn of(self, tokens: u32) -> u32 {
        (u64::from(tokens) * u64::from(self.0) / 1_000_000) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_and_always_are_exact() {
        assert!(!Share::NONE.hits(0));
        assert!(Share::ALL.hits(u32::MAX));
        assert!(Share(500_000).hits(u32::MAX / 2));
        assert!(!Share(500_000).hits(u32::MAX / 2 + 1));
    }
}
