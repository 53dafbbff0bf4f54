//! Passwords of people: Argon2id, so that a stolen database is expensive to try guesses on.
//!
//! One hash takes 19 MiB and some tens of milliseconds of CPU by design; callers limit how many
//! run at once and keep them off the threads that serve requests.

use std::hint::black_box;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};

use crate::error::{Error, Result};

/// Memory in KiB, passes, lanes: the first choice of OWASP's password storage guide for Argon2id.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash with the parameters above that no password is known for.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmUuLg$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A salted hash in PHC text form (`$argon2id$v=19$m=19456,t=2,p=1$…`).
///
/// # Errors
/// [`Error::Password`] if Argon2 refuses the input.
pub fn hash_password(plain: &str) -> Result<String> {
    hasher()
        .hash_password(plain.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|e| Error::Password(e.to_string()))
}

/// Whether `plain` is the password of `hash`. Costs are those named in the hash. A text that is
/// no hash fits no password.
pub fn verify_password(plain: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    hasher().verify_password(plain.as_bytes(), &hash).is_ok()
}

/// Spends the time of one verification. For a name nobody has, so that the answer's delay does
/// not tell which names exist.
pub fn burn() {
    black_box(verify_password(black_box("nobody's password"), NOBODY));
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY, PASSES, LANES, None).expect("constant and within bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_only() {
        let hash = hash_password("Grüße, Welt").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(verify_password("Grüße, Welt", &hash));
        assert!(!verify_password("Grüße, welt", &hash));
        assert!(!verify_password("", &hash));
    }

    #[test]
    fn equal_passwords_have_different_hashes() {
        assert_ne!(
            hash_password("same").unwrap(),
            hash_password("same").unwrap()
        );
    }

    #[test]
    fn what_is_no_hash_fits_nothing() {
        for hash in [
            "",
            "plain",
            "$argon2id$",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$",
        ] {
            assert!(!verify_password("plain", hash), "{hash}");
            assert!(!verify_password("", hash), "{hash}");
        }
    }

    /// Otherwise `burn` would return at once and betray unknown names.
    #[test]
    fn the_hash_of_nobody_is_real() {
        let hash = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&hash).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY, PASSES, LANES)
        );
        assert_eq!(hash.hash.unwrap().len(), 32);
        assert!(hash.salt.is_some());
        assert!(!verify_password("nobody's password", NOBODY));
        burn();
    }
}
