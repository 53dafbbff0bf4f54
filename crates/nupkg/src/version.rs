//! Versions as NuGet understands them: one to four numbers, then a SemVer 2 pre-release and build
//! metadata. Python projects bring versions in PEP 440 spelling (`1.0.0rc1`, `0.1.0.dev3`); what
//! follows the numbers is taken for a pre-release there, as it stands.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// Longest accepted version, in bytes: above the 64 of NuGet's gallery, and below 100, so that
/// the length of any number in it has two digits.
const MAX_LEN: usize = 99;

/// A package version. Displays as it was written, but compares by meaning: `1.0` equals `1.0.0`,
/// and neither case nor build metadata counts.
#[derive(Debug, Clone)]
pub struct Version {
    given: String,
    numbers: [u64; 4],
    /// Lower-case identifiers of the pre-release; empty for a release.
    pre: Vec<Identifier>,
}

/// One part of a pre-release. The order of the variants is the order of NuGet: numbers first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Identifier {
    /// Number of digits and the digits without leading zeros: so compared, of any length.
    Number(usize, String),
    Text(String),
}

/// The text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\" is not a version", .0.escape_debug())]
pub struct BadVersion(
    /// The text.
    pub String,
);

impl Version {
    /// Reads a version.
    ///
    /// # Errors
    /// [`BadVersion`]: no leading number, more than four, a number beyond 64 bits, an empty
    /// identifier or one with other characters than letters, digits and `-`, more than 99 bytes.
    pub fn parse(given: &str) -> Result<Self, BadVersion> {
        parse(given).ok_or_else(|| BadVersion(given.to_owned()))
    }

    /// Whether this is a pre-release.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }

    /// The text under which a version is the same as another: at least three numbers, lower case,
    /// no build metadata. Equal versions have equal normalized texts.
    pub fn normalized(&self) -> String {
        let [major, minor, patch, revision] = self.numbers;
        let mut text = format!("{major}.{minor}.{patch}");
        if revision > 0 {
            let _ = write!(text, ".{revision}"); // writing to a String cannot fail
        }
        for (i, identifier) in self.pre.iter().enumerate() {
            text.push(if i == 0 { '-' } else { '.' });
            match identifier {
                Identifier::Number(_, digits) => text.push_str(digits),
                Identifier::Text(word) => text.push_str(word),
            }
        }
        text
    }

    /// A text that sorts by code points as versions sort by meaning, for ORDER BY under a binary
    /// collation. ASCII without blanks or quotes; not meant for people.
    ///
    /// A number is written after its length, so that `10` follows `9`. What follows the numbers
    /// starts with 3 for a release and with 1 or 2 for an identifier; 0 ends the identifiers, and
    /// `!` ends a word because it comes before whatever may continue one.
    pub fn sort_key(&self) -> String {
        let counted = |digits: &str| format!("{:02}{digits}", digits.len());
        let mut key = String::new();
        for number in self.numbers {
            key += &counted(&number.to_string());
        }
        for identifier in &self.pre {
            match identifier {
                Identifier::Number(_, digits) => {
                    key.push('1');
                    key += &counted(digits);
                }
                Identifier::Text(word) => {
                    key.push('2');
                    key += word;
                    key.push('!');
                }
            }
        }
        key.push(if self.is_prerelease() { '0' } else { '3' });
        key
    }
}

impl FromStr for Version {
    type Err = BadVersion;

    fn from_str(given: &str) -> Result<Self, BadVersion> {
        Self::parse(given)
    }
}

fn parse(given: &str) -> Option<Version> {
    if given.len() > MAX_LEN {
        return None;
    }
    let (version, build) = match given.split_once('+') {
        Some((version, build)) => (version, Some(build)),
        None => (given, None),
    };
    if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
        return None;
    }
    let (numbers, rest) = parse_numbers(version)?;
    let pre = match rest.strip_prefix(['-', '.']) {
        _ if rest.is_empty() => Vec::new(),
        Some(pre) => parse_pre(pre)?,
        None => parse_pre(rest)?, // "1.0.0rc1"
    };
    Some(Version {
        given: given.to_owned(),
        numbers,
        pre,
    })
}

/// The leading numbers, and what follows them.
fn parse_numbers(version: &str) -> Option<([u64; 4], &str)> {
    let mut numbers = [0; 4];
    let mut rest = version;
    for (i, number) in numbers.iter_mut().enumerate() {
        let from = match rest.strip_prefix('.') {
            Some(after) if i > 0 && after.starts_with(|c: char| c.is_ascii_digit()) => after,
            _ if i == 0 => rest,
            _ => break,
        };
        let digits = from.bytes().take_while(u8::is_ascii_digit).count();
        *number = from[..digits].parse().ok()?;
        rest = &from[digits..];
    }
    // A fifth number is no pre-release.
    let fifth = rest
        .strip_prefix('.')
        .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    (!fifth).then_some((numbers, rest))
}

fn parse_pre(pre: &str) -> Option<Vec<Identifier>> {
    pre.split('.')
        .map(|part| is_identifier(part).then(|| Identifier::new(part)))
        .collect()
}

fn is_identifier(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

impl Identifier {
    fn new(part: &str) -> Self {
        if !part.bytes().all(|b| b.is_ascii_digit()) {
            return Self::Text(part.to_ascii_lowercase());
        }
        let digits = match part.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        };
        Self::Number(digits.len(), digits.to_owned())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers
            .cmp(&other.numbers)
            // A release follows its pre-releases, although its list is the shorter one.
            .then_with(|| other.is_prerelease().cmp(&self.is_prerelease()))
            .then_with(|| self.pre.cmp(&other.pre))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.numbers, &self.pre).hash(state);
    }
}

#[cfg(test)]
mod tests;
