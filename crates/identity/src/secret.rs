//! Secrets made by the server: client secrets, refresh tokens, initial passwords.
//!
//! Nobody can guess 256 random bits, so a fast hash protects them; slow hashes are for what
//! people think up.

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Letters and digits without the ones that look alike (0 O, 1 l I).
const READABLE: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const PASSWORD_LEN: usize = 20;

/// 32 random bytes as 43 characters of Base64url.
pub fn new_secret() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// 20 characters a person can type from paper (116 bits), with a digit, a capital and a small
/// letter among them, as password rules ask for.
pub fn new_password() -> String {
    loop {
        let password = readable();
        let has = |class: fn(&char) -> bool| password.chars().any(|c| class(&c));
        if has(char::is_ascii_digit)
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_lowercase)
        {
            return password;
        }
    }
}

fn readable() -> String {
    // Bytes beyond a multiple of the alphabet are dropped: a remainder alone would favour its
    // first characters.
    let fair = u8::MAX - u8::MAX % READABLE.len() as u8;
    let mut password = String::with_capacity(PASSWORD_LEN);
    while password.len() < PASSWORD_LEN {
        let [byte] = random::<1>();
        if byte < fair {
            password.push(char::from(READABLE[usize::from(byte) % READABLE.len()]));
        }
    }
    password
}

/// SHA-256 in hex, for storing and finding secrets of [`new_secret`]'s strength. Not for
/// passwords.
pub fn secret_hash(secret: &str) -> String {
    let hash = digest::digest(&digest::SHA256, secret.as_bytes());
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Equality in a time that depends on the lengths only.
pub fn secret_eq(a: &str, b: &str) -> bool {
    constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's random source does not fail once it is seeded");
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn secrets_are_long_and_different() {
        let made: HashSet<String> = (0..100).map(|_| new_secret()).collect();
        assert_eq!(made.len(), 100);
        for secret in made {
            assert_eq!(
                URL_SAFE_NO_PAD.decode(&secret).unwrap().len(),
                32,
                "{secret}"
            );
        }
    }

    #[test]
    fn passwords_are_readable() {
        let mut seen = HashSet::new();
        for _ in 0..500 {
            let password = new_password();
            assert_eq!(password.len(), 20);
            assert!(!password.contains(['0', 'O', '1', 'l', 'I']), "{password}");
            assert!(password.chars().any(|c| c.is_ascii_digit()), "{password}");
            assert!(
                password.chars().any(|c| c.is_ascii_uppercase()),
                "{password}"
            );
            assert!(
                password.chars().any(|c| c.is_ascii_lowercase()),
                "{password}"
            );
            seen.extend(password.bytes());
        }
        assert_eq!(
            seen.len(),
            READABLE.len(),
            "10 000 characters use the whole alphabet"
        );
    }

    #[test]
    fn the_hash_is_sha256() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(secret_hash("abc"), abc);
    }

    #[test]
    fn equality() {
        assert!(secret_eq("", ""));
        assert!(secret_eq("abc", "abc"));
        assert!(!secret_eq("abc", "abd"));
        assert!(!secret_eq("abc", "abcd"));
    }
}
