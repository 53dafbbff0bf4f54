//! Secrets at rest: AES-256-GCM under a key derived from the data key.
//!
//! Each ciphertext is bound to the place it is stored in, so a row copied over another row (a
//! low-value password into a high-value account, say) does not decrypt.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, Result};

/// Bytes of the data key: as many as the strongest key derived from it.
pub(crate) const DATA_KEY_LEN: usize = 32;

/// The stored form names its scheme, so that another one can be told apart later.
const VERSION: &str = "v1:";

/// The two keys derived from the data key.
pub(crate) struct Cipher {
    seal: RandomizedNonceKey,
    mac: hmac::Key,
}

impl Cipher {
    pub fn new(data_key: &[u8; DATA_KEY_LEN]) -> Self {
        let seal = derive(data_key, b"baton secrets at rest");
        let mac = derive(data_key, b"baton message authentication");
        Self {
            seal: RandomizedNonceKey::new(&AES_256_GCM, &seal).expect("AES-256 takes 32 bytes"),
            mac: hmac::Key::new(hmac::HMAC_SHA256, &mac),
        }
    }

    /// `v1:` and the Base64 of nonce, ciphertext and tag.
    pub fn encrypt(&self, place: &str, plain: &str) -> String {
        let mut text = plain.as_bytes().to_vec();
        let nonce = self
            .seal
            .seal_in_place_append_tag(Aad::from(place), &mut text)
            .expect("AES-GCM seals anything below 64 GiB");
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut text);
        VERSION.to_owned() + &STANDARD.encode(bytes)
    }

    pub fn decrypt(&self, place: &str, stored: &str) -> Result<String> {
        let encoded = stored.strip_prefix(VERSION).ok_or(Error::Undecryptable)?;
        let mut bytes = STANDARD.decode(encoded).map_err(|_| Error::Undecryptable)?;
        let (nonce, text) = bytes
            .split_at_mut_checked(NONCE_LEN)
            .ok_or(Error::Undecryptable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Undecryptable)?;
        let plain = self
            .seal
            .open_in_place(nonce, Aad::from(place), text)
            .map_err(|_| Error::Undecryptable)?;
        String::from_utf8(plain.to_vec()).map_err(|_| Error::Undecryptable)
    }

    pub fn mac(&self, purpose: &str, message: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.mac);
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        context.update(&(purpose.len() as u64).to_be_bytes());
        context.update(purpose.as_bytes());
        context.update(message);
        context.sign()
    }
}

/// 32 bytes that depend on the data key and on what they are for (RFC 5869).
fn derive(data_key: &[u8; DATA_KEY_LEN], purpose: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(data_key)
        .expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut out))
        .expect("HKDF-SHA256 gives up to 8160 bytes");
    out
}

/// A new random data key.
pub(crate) fn new_data_key() -> Result<[u8; DATA_KEY_LEN]> {
    let mut key = [0; DATA_KEY_LEN];
    rand::fill(&mut key).map_err(|_| Error::Generation)?;
    Ok(key)
}
