//! Keys of what is new. Rules get them with their [`Cx`](crate::Cx); this is where they come from.
//!
//! What must not be guessed never comes from here: that is [`Guid::secret`], or made by `identity`.

use odata::{Guid, Timestamp};
#[cfg(any(test, feature = "testing"))]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The chance of a server: that of the system. In `testing` it can begin with a seed,
/// after which the same keys come each time; no build for use has that.
#[derive(Debug, Default)]
pub struct Chance {
    /// Where it stands, if it began with a seed.
    #[cfg(any(test, feature = "testing"))]
    seeded: Option<AtomicU64>,
}

impl Chance {
    /// A key of something new.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    #[must_use]
    pub fn key(&self) -> Guid {
        #[cfg(any(test, feature = "testing"))]
        if let Some(state) = &self.seeded {
            let [high, low] = [next(state), next(state)].map(u128::from);
            return Guid::version_4(high << 64 | low);
        }
        Guid::random()
    }

    /// As [`Chance::key`], beginning with the time: those made one after another stand side by side in
    /// an index, so that a large one grows at its end only.
    #[must_use]
    pub fn key_at(&self, now: Timestamp) -> Guid {
        Guid::version_7(now, self.key())
    }

    /// One that gives the same keys each time.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            seeded: Some(AtomicU64::new(seed)),
        }
    }
}

/// SplitMix64, which gives each number once.
#[cfg(any(test, feature = "testing"))]
fn next(state: &AtomicU64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let z = state.fetch_add(STEP, Relaxed).wrapping_add(STEP);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use crate::{Args, operations};

    #[test]
    fn only_a_seed_repeats() {
        let first = |chance: Chance| [chance.key(), chance.key()];
        let [one, two] = first(Chance::seeded(7));
        assert_ne!(one, two);
        assert_eq!([one, two], first(Chance::seeded(7)));
        assert_ne!([one, two], first(Chance::seeded(8)));
        assert_ne!(first(Chance::default()), first(Chance::default()));
    }

    /// A job is started in a new world: its key, and the credentials of the machine and of the robot.
    fn started() -> [String; 3] {
        let world = World::new();
        world.release();
        let made = world.run(|cx| {
            let info = serde_json::json!({"ReleaseName": "hello", "JobsCount": 1});
            let args = Args {
                body: Some(serde_json::json!({"startInfo": info})),
                ..Args::default()
            };
            let start = operations().find(|op| op.at.name == "StartJobs").unwrap();
            start.task(&args).unwrap().run(cx)?;
            let mut text = |sql| cx.tx.one(sql, &[]).map(Option::unwrap);
            Ok([
                text("SELECT key FROM jobs")?,
                text("SELECT license_key FROM machines")?,
                text("SELECT key FROM robots")?,
            ])
        });
        made.unwrap()
    }

    #[test]
    fn worlds_have_the_same_keys_and_other_credentials() {
        let ([job, machine, robot], other) = (started(), started());
        assert_eq!(job, other[0]);
        assert_ne!(machine, other[1]);
        assert_ne!(robot, other[2]);
    }

    /// The first number for the seed 0, as those who published the algorithm give it.
    #[test]
    fn the_generator_is_splitmix64() {
        assert_eq!(next(&AtomicU64::new(0)), 0xe220_a839_7b1d_cdaf);
    }
}
