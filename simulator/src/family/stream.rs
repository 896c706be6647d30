//! Seeded chance that is the same for ever and branches by name, so that drawing one thing more
//! or less leaves all the others as they were.

/// One stream of chance. Written here rather than taken from a library because published seeds
/// must give the same scenarios with every later version of it (SplitMix64, Steele et al. 2014).
#[derive(Clone, Debug)]
pub(super) struct Stream {
    key: u64,
    drawn: u64,
}

/// Odd constant of SplitMix64: the golden ratio in 64 bits.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Stream {
    /// The stream of a family and a seed.
    pub(super) fn new(name: &str, seed: u64) -> Self {
        Self::of_key(mix(seed.wrapping_add(GOLDEN))).at(name)
    }

    /// The branch of that name. Does not depend on what was drawn so far.
    pub(super) fn at(&self, name: &str) -> Self {
        Self::of_key(mix(self.key ^ hash(name.as_bytes())))
    }

    /// The branch of that number.
    pub(super) fn item(&self, index: usize) -> Self {
        self.at(&index.to_string())
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        mix(self.key.wrapping_add(self.drawn.wrapping_mul(GOLDEN)))
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub(super) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in its logarithm in [low, high); both above 0.
    pub(super) fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.unit())
    }

    /// Exponential.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Below `count`, which is at least 1, all alike.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count - 1)
    }

    /// True with that probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    fn of_key(key: u64) -> Self {
        Self { key, drawn: 0 }
    }
}

fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_what_it_has_always_drawn() {
        let mut stream = Stream::new("homogeneous", 7).at("servers").item(3);

        assert_eq!(
            [stream.bits(), stream.bits()],
            [9_275_135_188_894_060_939, 7_557_278_365_468_361_968],
            "published seeds would mean other scenarios"
        );
    }

    #[test]
    fn bits_are_those_of_the_published_generator() {
        let mut stream = Stream::of_key(1_234_567);

        assert_eq!(stream.bits(), 6_457_827_717_110_365_317);
        assert_eq!(stream.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_branch_does_not_depend_on_what_was_drawn_before() {
        let mut used = Stream::new("family", 1);
        let fresh = used.at("load");
        used.bits();

        assert_eq!(used.at("load").bits(), fresh.clone().bits());
    }

    #[test]
    fn names_seeds_and_items_give_streams_of_their_own() {
        let root = Stream::new("family", 1);
        let mut first: Vec<u64> = [
            root.clone(),
            Stream::new("family", 2),
            Stream::new("other", 1),
            root.at("load"),
            root.item(0),
            root.item(1),
        ]
        .map(|mut stream| stream.bits())
        .into();
        first.sort_unstable();
        first.dedup();

        assert_eq!(first.len(), 6);
    }

    #[test]
    fn means_are_those_of_the_distributions() {
        let mut stream = Stream::new("family", 1);
        let count = 100_000;
        let mut mean = |draw: &mut dyn FnMut(&mut Stream) -> f64| {
            (0..count).map(|_| draw(&mut stream)).sum::<f64>() / f64::from(count)
        };

        assert!((mean(&mut |s| s.uniform(2.0, 4.0)) - 3.0).abs() < 0.02);
        assert!((mean(&mut |s| s.exponential(2.0)) - 2.0).abs() < 0.04);
        assert!((mean(&mut |s| s.log_uniform(1.0, 4.0)) - 3.0 / 4f64.ln()).abs() < 0.02);
        assert!((mean(&mut |s| s.below(5) as f64) - 2.0).abs() < 0.03);
        assert!((mean(&mut |s| f64::from(s.chance(0.3))) - 0.3).abs() < 0.01);
    }
}
