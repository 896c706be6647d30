//! A small generator whose numbers never change: exported files must be the same bytes on
//! every machine and after every update of a dependency.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// A generator that always gives the same numbers for the same seed.
    pub fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A multiple of 1/16 in [-4, 4): exact in f32 and short in JSON.
    pub fn sixteenth(&mut self) -> f32 {
        (self.bits() >> 57) as f32 / 16.0 - 4.0
    }

    /// Uniform in [-1, 1).
    pub fn unit(&mut self) -> f32 {
        // 24 bits, as many as an f32 holds exactly.
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_numbers() {
        let mut chance = Chance::from_seed(0);
        let bits = [chance.bits(), chance.bits(), chance.bits()];
        let published = [
            0xe220_a839_7b1d_cdaf,
            0x6e78_9e6a_a1b9_65f4,
            0x06c4_5d18_8009_454f,
        ];
        assert_eq!(bits, published);
    }

    #[test]
    fn stays_within_its_ranges() {
        let mut chance = Chance::from_seed(7);
        for _ in 0..10_000 {
            assert!((-4.0..4.0).contains(&chance.sixteenth()));
            assert!((-1.0..1.0).contains(&chance.unit()));
        }
    }
}
