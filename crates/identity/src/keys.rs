//! The server's keys: one RSA key that signs tokens and one data key that protects stored
//! secrets. Both live in one folder, are made on the first start and never replaced silently.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::{constant_time, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::Value;

use crate::cipher::{self, Cipher, DATA_KEY_LEN};
use crate::error::{Error, Result};
use crate::files;
use crate::token::{Claims, TokenError};

const SIGNING_FILE: &str = "signing.pem";
const DATA_FILE: &str = "data.key";
/// First word of the data key file.
const DATA_MARK: &str = "baton-data-key-v1";
/// Seconds by which the clocks of two nodes may differ.
const LEEWAY: i64 = 5;

/// Signs and verifies tokens, encrypts and decrypts secrets. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    signing: EncodingKey,
    verifying: DecodingKey,
    header: Header,
    validation: Validation,
    public: Jwk,
    key_id: String,
    cipher: Cipher,
}

impl Keys {
    /// Reads `{dir}/signing.pem` and `{dir}/data.key`, or makes both if neither is there.
    ///
    /// Files are 0600 and appear whole; a folder made here is 0700. Making a key takes up to a
    /// second.
    ///
    /// # Errors
    /// Files others can access, damaged files, a data key that is gone while the signing key is
    /// there, and whatever the file system says. A key that cannot be used is never replaced.
    pub fn load_or_create(dir: &Path) -> Result<Self> {
        files::prepare_folder(dir)?;
        let (signing_path, data_path) = (dir.join(SIGNING_FILE), dir.join(DATA_FILE));
        let (signing, data) = (files::read(&signing_path)?, files::read(&data_path)?);

        // The data key is made first. So the one without the other means: alone it survived a
        // crash during the first start, missing it was lost later.
        let data_key = match (&data, &signing) {
            (Some(text), _) => parse_data_key(&data_path, text)?,
            (None, Some(_)) => return Err(Error::DataKeyMissing(data_path)),
            (None, None) => {
                let key = cipher::new_data_key()?;
                files::create(&data_path, &format_data_key(&key))?;
                key
            }
        };
        let pem = match signing {
            Some(pem) => pem,
            None => {
                let pem = new_signing_key()?;
                files::create(&signing_path, &pem)?;
                pem
            }
        };
        Self::new(&signing_path, &pem, &data_key)
    }

    /// New keys that are kept nowhere, for tests.
    ///
    /// # Errors
    /// [`Error::Generation`]
    pub fn unkept() -> Result<Self> {
        Self::new(
            Path::new("memory"),
            &new_signing_key()?,
            &cipher::new_data_key()?,
        )
    }

    fn new(path: &Path, pem: &str, data_key: &[u8; DATA_KEY_LEN]) -> Result<Self> {
        let damaged = |_| Error::damaged(path, "it holds no RSA private key in PEM form");
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(damaged)?;
        // Also checks that the numbers belong together and have 2048 to 8192 bits.
        KeyPair::from_der(signing.as_bytes())
            .map_err(|e| Error::damaged(path, format!("its RSA key is refused ({e})")))?;
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::RS256).map_err(damaged)?;
        let key_id = public.thumbprint(ThumbprintHash::SHA256).map_err(damaged)?;
        let verifying = DecodingKey::from_jwk(&public).map_err(damaged)?;
        public.common.key_id = Some(key_id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);

        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(key_id.clone());
        let cipher = Cipher::new(data_key);
        let validation = validation();
        Ok(Self(Arc::new(Inner {
            signing,
            verifying,
            header,
            validation,
            public,
            key_id,
            cipher,
        })))
    }

    /// The claims as a signed token (RS256). Takes about a millisecond.
    ///
    /// # Errors
    /// [`Error::Signing`] if the library fails, which no input causes.
    pub fn sign(&self, claims: &Claims) -> Result<String> {
        jsonwebtoken::encode(&self.0.header, claims, &self.0.signing)
            .map_err(|e| Error::Signing(e.to_string()))
    }

    /// The claims of a token signed by this server and valid at `now_seconds` (since 1970, UTC),
    /// with 5 s leeway.
    ///
    /// The issuer is not compared, because the same server may be known under several addresses;
    /// the key says who issued it. Audiences are the caller's business.
    ///
    /// # Errors
    /// See [`TokenError`]. The signature is judged before the times.
    pub fn verify(&self, token: &str, now_seconds: i64) -> Result<Claims, TokenError> {
        let read = jsonwebtoken::decode::<Claims>(token, &self.0.verifying, &self.0.validation)
            .map_err(|e| refusal(e.kind()))?;
        if read.header.kid.as_deref() != Some(self.key_id()) {
            return Err(TokenError::Signature);
        }
        if read.claims.exp.saturating_add(LEEWAY) <= now_seconds {
            return Err(TokenError::Expired);
        }
        if read.claims.nbf.saturating_sub(LEEWAY) > now_seconds {
            return Err(TokenError::NotYet);
        }
        Ok(read.claims)
    }

    /// The public key as a JSON Web Key Set (RFC 7517), for `/.well-known/…/jwks`.
    pub fn jwks(&self) -> Value {
        let set = JwkSet {
            keys: vec![self.0.public.clone()],
        };
        serde_json::to_value(set).expect("a key set is made of texts")
    }

    /// Id of the signing key: its thumbprint (RFC 7638), so equal keys have equal ids everywhere.
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// `plain` encrypted for `place`, by convention `table:column:id`. The result is text that
    /// starts with `v1:`; encrypting twice gives two different texts.
    pub fn encrypt(&self, place: &str, plain: &str) -> String {
        self.0.cipher.encrypt(place, plain)
    }

    /// What [`encrypt`](Self::encrypt) was given for the same `place`.
    ///
    /// # Errors
    /// [`Error::Undecryptable`] if the text was altered, moved from another place, or written
    /// with another data key.
    pub fn decrypt(&self, place: &str, stored: &str) -> Result<String> {
        self.0.cipher.decrypt(place, stored)
    }

    /// A keyed hash (HMAC-SHA256, Base64url) by which this server recognises what it said
    /// itself, such as an address valid for ten minutes. `purpose` separates the uses.
    pub fn mac(&self, purpose: &str, message: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.cipher.mac(purpose, message.as_bytes()))
    }

    /// Whether `mac` is what [`mac`](Self::mac) gives. Takes the same time for any wrong one.
    pub fn mac_ok(&self, purpose: &str, message: &str, mac: &str) -> bool {
        let expected = self.mac(purpose, message);
        constant_time::verify_slices_are_equal(expected.as_bytes(), mac.as_bytes()).is_ok()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.key_id())
    }
}

/// Signature and shape only: times are compared by us, with the caller's clock.
fn validation() -> Validation {
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules
}

fn refusal(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => TokenError::Signature,
        _ => TokenError::Malformed,
    }
}

fn new_signing_key() -> Result<String> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Generation)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| Error::Generation)?;
    Ok(to_pem(der.as_ref()))
}

/// RFC 7468: Base64 in lines of 64 characters between two marks.
fn to_pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut rest = text.as_str();
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}

/// Mark, key and checksum on one line. Any 32 bytes are a valid key, so only the checksum tells
/// a damaged file from a good one.
fn format_data_key(key: &[u8; DATA_KEY_LEN]) -> String {
    format!("{DATA_MARK} {} {}\n", STANDARD.encode(key), checksum(key))
}

fn parse_data_key(path: &Path, text: &str) -> Result<[u8; DATA_KEY_LEN]> {
    let damaged = |reason: &str| Error::damaged(path, reason);
    let words: Vec<&str> = text.split_whitespace().collect();
    let &[DATA_MARK, key, sum] = words.as_slice() else {
        return Err(damaged("it is not a data key file"));
    };
    let key = STANDARD
        .decode(key)
        .map_err(|_| damaged("its key is not Base64"))?;
    let key: [u8; DATA_KEY_LEN] = key
        .try_into()
        .map_err(|_| damaged("its key is not 32 bytes"))?;
    if checksum(&key) != sum {
        return Err(damaged("its checksum does not fit its key"));
    }
    Ok(key)
}

/// 48 bits of SHA-256: enough to notice damage, useless for finding a random 256-bit key.
fn checksum(key: &[u8]) -> String {
    STANDARD.encode(&digest::digest(&digest::SHA256, key).as_ref()[..6])
}

#[cfg(test)]
mod tests;
