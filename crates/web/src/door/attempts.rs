//! Guessed secrets: whoever shows wrong ones has to wait, longer each time.
//!
//! Three counts, kept in memory. An account *from one address* has five wrong secrets free, so that the
//! guesses of one do not lock out the same account elsewhere. An *address* has thirty, whatever the
//! accounts; one that is held back already costs it nothing more, so that a robot with an old secret does
//! not lock out all who share its address. An *account* has fifty, wherever they come from; that never
//! holds back for more than a minute, and not at all where the right secret was shown before: nobody can
//! keep an account's owner out for good.
//!
//! Counts are read before a secret is checked, which saves the work, and again when it was: of guesses
//! that are sent at once no more are told right from wrong than one after the other.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use ::odata::Timestamp;
use parking_lot::Mutex;

/// Counts that are kept. Beyond that the oldest go, those that hold nobody back first.
const MOST: usize = 100_000;
/// What is older counts no more.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// How many wrong secrets are free, and how long to wait after the next: twice as long each time.
struct Rule {
    free: u32,
    first: Duration,
    most: Duration,
}

const HERE: Rule = Rule {
    free: 5,
    first: Duration::from_secs(5),
    most: Duration::from_secs(900),
};
const ADDRESS: Rule = Rule {
    free: 30,
    first: Duration::from_secs(5),
    most: Duration::from_secs(900),
};
const ACCOUNT: Rule = Rule {
    free: 50,
    first: Duration::from_secs(5),
    most: Duration::from_secs(60),
};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The secret is right, and may be told to be.
    Right,
    /// It is wrong. From now on nobody is asked again for so long, if for any time.
    Wrong(Duration),
    /// Nothing is told for so long.
    Later(Duration),
}

/// Who says to be somebody, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Who {
    here: u64,
    address: u64,
    account: u64,
}

/// The counts.
#[derive(Default)]
pub struct Attempts {
    kept: Mutex<HashMap<u64, Tries>>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Timestamp,
    until: Timestamp,
    /// The right secret was shown before.
    right: bool,
}

impl Attempts {
    /// Somebody, by the kind and the name of the account as they were given. IPv6 addresses count by
    /// networks of 64 bits, of which everybody has one.
    pub fn who(&self, kind: &str, name: &str, address: IpAddr) -> Who {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        };
        let name = name.trim().to_lowercase();
        Who {
            here: self.hasher.hash_one((kind, &name, network)),
            address: self.hasher.hash_one(network),
            account: self.hasher.hash_one((kind, &name)),
        }
    }

    /// How long not to look at what they show; zero if it may be looked at.
    pub fn wait(&self, who: &Who, now: Timestamp) -> Duration {
        wait(&self.kept.lock(), who, now)
    }

    /// Counts what was found.
    pub fn settle(&self, who: &Who, right: bool, now: Timestamp) -> Verdict {
        let mut kept = self.kept.lock();
        let later = wait(&kept, who, now);
        if !later.is_zero() {
            return Verdict::Later(later);
        }
        make_room(&mut kept, now);
        if right {
            let tries = Tries {
                right: true,
                ..Tries::none(now)
            };
            kept.insert(who.here, tries);
            return Verdict::Right;
        }
        if count(&mut kept, who.here, &HERE, now) <= HERE.free {
            count(&mut kept, who.address, &ADDRESS, now);
        }
        count(&mut kept, who.account, &ACCOUNT, now);
        Verdict::Wrong(wait(&kept, who, now))
    }
}

impl Tries {
    fn none(now: Timestamp) -> Self {
        Self {
            wrong: 0,
            last: now,
            until: now,
            right: false,
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.last) > FORGOTTEN && self.until <= now
    }
}

fn wait(kept: &HashMap<u64, Tries>, who: &Who, now: Timestamp) -> Duration {
    let left = |key: &u64| {
        kept.get(key)
            .map_or(Duration::ZERO, |tries| tries.until.since(now))
    };
    let known = kept.get(&who.here).is_some_and(|tries| tries.right);
    let account = match known {
        true => Duration::ZERO,
        false => left(&who.account),
    };
    account.max(left(&who.here)).max(left(&who.address))
}

/// One more; how many that makes.
fn count(kept: &mut HashMap<u64, Tries>, key: u64, rule: &Rule, now: Timestamp) -> u32 {
    let tries = kept.entry(key).or_insert_with(|| Tries::none(now));
    if tries.is_over(now) {
        tries.wrong = 0;
    }
    tries.wrong = tries.wrong.saturating_add(1);
    tries.last = now;
    if let Some(beyond) = tries.wrong.checked_sub(rule.free) {
        let longer = 2u32.checked_pow(beyond).unwrap_or(u32::MAX);
        tries.until = now.plus(rule.first.saturating_mul(longer).min(rule.most));
    }
    tries.wrong
}

fn make_room(kept: &mut HashMap<u64, Tries>, now: Timestamp) {
    if kept.len() < MOST {
        return;
    }
    kept.retain(|_, tries| !tries.is_over(now));
    if kept.len() > MOST / 2 {
        kept.retain(|_, tries| tries.until > now);
    }
    let mut place = 0;
    if kept.len() > MOST / 2 {
        kept.retain(|_, _| {
            place += 1;
            place % 2 == 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_000_000_000_000_000);

    fn at(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn seconds(wait: u64) -> Duration {
        Duration::from_secs(wait)
    }

    #[test]
    fn waits_grow_and_end() {
        let attempts = Attempts::default();
        let who = attempts.who("user", "jane", at(1));
        let mut now = START;
        for _ in 0..4 {
            assert_eq!(
                attempts.settle(&who, false, now),
                Verdict::Wrong(seconds(0))
            );
        }
        for wait in [5, 10, 20, 40, 80, 160, 320, 640, 900, 900] {
            assert_eq!(
                attempts.settle(&who, false, now),
                Verdict::Wrong(seconds(wait))
            );
            // Right or wrong, nothing is told, and nothing counted.
            for right in [true, false] {
                let later = Verdict::Later(seconds(wait));
                assert_eq!(attempts.settle(&who, right, now), later);
            }
            now = now.plus(seconds(wait));
        }
        // The same name in other letters is the same account.
        let same = attempts.who("user", " JANE", at(1));
        assert_eq!(attempts.settle(&same, true, now), Verdict::Right);
        assert_eq!(
            attempts.settle(&who, false, now),
            Verdict::Wrong(seconds(0))
        );
        for _ in 0..4 {
            attempts.settle(&who, false, now);
        }
        now = now.plus(FORGOTTEN + seconds(1));
        assert_eq!(
            attempts.settle(&who, false, now),
            Verdict::Wrong(seconds(0))
        );
    }

    #[test]
    fn others_elsewhere_come_in() {
        let attempts = Attempts::default();
        let owner = attempts.who("user", "jane", at(1));
        assert_eq!(attempts.settle(&owner, true, START), Verdict::Right);
        for address in 2..=20 {
            let guesser = attempts.who("user", "jane", at(address));
            for _ in 0..5 {
                attempts.settle(&guesser, false, START);
            }
        }
        // Who was never right is held back with all of them, for a minute at most.
        let new = attempts.who("user", "jane", at(21));
        let wait = attempts.wait(&new, START);
        assert!((seconds(1)..=seconds(60)).contains(&wait), "{wait:?}");
        assert_eq!(attempts.settle(&owner, true, START), Verdict::Right);
        let other = attempts.who("client", "jane", at(22));
        assert_eq!(attempts.settle(&other, true, START), Verdict::Right);
    }

    #[test]
    fn an_address_is_held_back_for_many_accounts_and_not_for_one() {
        let attempts = Attempts::default();
        let mut now = START;
        let old = attempts.who("client", "robot", at(1));
        for _ in 0..40 {
            now = now.plus(attempts.wait(&old, now));
            attempts.settle(&old, false, now);
        }
        assert_eq!(
            attempts.wait(&attempts.who("user", "jane", at(1)), now),
            seconds(0)
        );
        for account in 0..30 {
            let who = attempts.who("user", &account.to_string(), at(2));
            attempts.settle(&who, false, now);
        }
        assert_eq!(
            attempts.wait(&attempts.who("user", "jane", at(2)), now),
            seconds(5)
        );
        let network =
            |host| attempts.who("user", "jane", IpAddr::from([1, 2, 3, 4, 5, 6, 7, host]));
        assert_eq!(network(8).address, network(9).address);
    }

    #[test]
    fn memory_has_an_end() {
        let mut kept = HashMap::new();
        for key in 0..MOST as u64 {
            let mut tries = Tries::none(START);
            if key < 10 {
                tries.until = START.plus(seconds(60));
            }
            kept.insert(key, tries);
        }
        make_room(&mut kept, START);
        assert_eq!(kept.len(), 10);
        for key in 0..MOST as u64 {
            let mut tries = Tries::none(START);
            tries.until = START.plus(seconds(60));
            kept.insert(key, tries);
        }
        make_room(&mut kept, START);
        assert!(kept.len() <= MOST / 2);
    }
}
