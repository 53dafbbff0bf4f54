//! A GUID: 128 bits, written as lower-case text with hyphens.
//!
//! It is stored as that text too, so a key reads the same in the database, in a URL and in JSON,
//! and comparing two of them needs no conversion.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, TICKS_PER_SECOND, Timestamp};

/// A globally unique identifier.
///
/// ```
/// let key: odata::Guid = "{D3780AAC-1E80-49B0-BFD3-C8EC6A3939DB}".parse()?;
/// assert_eq!(key.to_string(), "d3780aac-1e80-49b0-bfd3-c8ec6a3939db");
/// # Ok::<(), odata::Error>(())
/// ```
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Guid(pub u128);

impl Guid {
    /// A random GUID (version 4) for the one place of a program that makes keys. What must not be
    /// guessed is a [`Guid::secret`].
    pub fn random() -> Guid {
        Guid(uuid::Uuid::new_v4().as_u128())
    }

    /// One that nobody can guess, in tests neither: a credential. The generator is cryptographic; the
    /// operating system seeds it.
    pub fn secret() -> Guid {
        Guid(uuid::Uuid::new_v4().as_u128())
    }

    /// The GUID of version 4 that these bits make.
    pub fn version_4(random: u128) -> Guid {
        Guid(
            uuid::Builder::from_random_bytes(random.to_be_bytes())
                .into_uuid()
                .as_u128(),
        )
    }

    /// A GUID that begins with a time in milliseconds (version 7); the rest is that of a random one.
    pub fn version_7(at: Timestamp, Guid(random): Guid) -> Guid {
        const REST: u128 = (1 << 76) - 1;
        let millis = (at.0 / (TICKS_PER_SECOND / 1000)) as u128;
        Guid(millis << 80 | 7 << 76 | random & REST)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            n >> 96,
            (n >> 80) & 0xffff,
            (n >> 64) & 0xffff,
            (n >> 48) & 0xffff,
            n & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = Error;

    /// Reads `8-4-4-4-12` digits of any case, the same in braces, and 32 digits without hyphens.
    fn from_str(text: &str) -> Result<Guid, Error> {
        digits(text).map(Guid).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            Error::Invalid(format!("'{shown}' is not a GUID."))
        })
    }
}

fn digits(text: &str) -> Option<u128> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let hyphens: &[usize] = match inner.len() {
        36 => &[8, 13, 18, 23],
        32 => &[],
        _ => return None,
    };
    let mut n = 0;
    for (i, byte) in inner.bytes().enumerate() {
        if hyphens.contains(&i) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        n = n << 4 | u128::from((byte as char).to_digit(16)?);
    }
    Some(n)
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Guid, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl From<Guid> for db::Value {
    fn from(guid: Guid) -> db::Value {
        db::Value::Text(guid.to_string())
    }
}

impl db::Param for Guid {
    const TYPE: &'static str = String::TYPE;
}

impl db::FromValue for Guid {
    fn from_cell(cell: db::Cell<'_>) -> Option<Guid> {
        match cell {
            db::Cell::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "d3780aac-1e80-49b0-bfd3-c8ec6a3939db";

    #[test]
    fn reads_every_spelling_and_writes_one() {
        for spelling in [
            TEXT.to_owned(),
            TEXT.to_uppercase(),
            TEXT.replace('-', ""),
            format!("{{{TEXT}}}"),
        ] {
            let guid: Guid = spelling.parse().unwrap();
            assert_eq!(guid.to_string(), TEXT);
        }
        assert_eq!(Guid(7).to_string(), "00000000-0000-0000-0000-000000000007");
    }

    #[test]
    fn refuses_what_is_no_guid() {
        for text in [
            "",
            "d3780aac",
            "{d3780aac-1e80-49b0-bfd3-c8ec6a3939db",
            "d3780aac-1e80-49b0-bfd3-c8ec6a3939dg",
            "d3780aac11e80-49b0-bfd3-c8ec6a3939db",
            "+3780aac-1e80-49b0-bfd3-c8ec6a3939db",
            "ддддддддддддддддöö",
        ] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_version_and_the_time_stand_in_it() {
        assert_eq!(
            Guid::version_4(u128::MAX).to_string(),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        // RFC 9562, appendix A.6.
        let at = Timestamp::parse("2022-02-22T19:22:22Z").unwrap();
        let guid = Guid::version_7(at, Guid::version_4(0xcc3_18c4_dc0c_0c07_398f));
        assert_eq!(guid.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn random_ones_differ_and_travel_as_text() {
        let guid = Guid::secret();
        assert_ne!(guid, Guid::secret());
        let json = serde_json::to_string(&guid).unwrap();
        assert_eq!(json, format!("\"{guid}\""));
        assert_eq!(serde_json::from_str::<Guid>(&json).unwrap(), guid);
        assert!(serde_json::from_str::<Guid>("\"x\"").is_err());
        assert_eq!(
            db::Value::from(Guid(1)),
            db::Value::Text(Guid(1).to_string())
        );
    }
}
