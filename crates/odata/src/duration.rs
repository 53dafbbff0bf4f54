//! Spans of time as the protocol writes them: `P1DT2H`, in days and what is shorter.

use crate::time::{TICKS_PER_DAY, TICKS_PER_SECOND};

/// The longest: no two instants are further apart.
const MAX: i64 = 9_999 * 366 * TICKS_PER_DAY;

/// Reads `[-]P[nD][T[nH][nM][n[.n]S]]` as ticks of 100 ns; what exceeds seven digits of a second is
/// cut off. `None` for anything else, months and years among them, which have no length, and for
/// what is longer than all the time that can be written.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let rest = rest.strip_prefix(['P', 'p'])?;
    let (days, time) = match rest.split_once(['T', 't']) {
        Some((days, time)) => (days, Some(time)),
        None => (rest, None),
    };
    let mut at = Reader(days);
    let mut ticks = at.part(['D', 'd'], TICKS_PER_DAY)?;
    let mut parts = usize::from(ticks.is_some());
    if !at.0.is_empty() {
        return None;
    }
    if let Some(time) = time {
        let mut at = Reader(time);
        for (letter, unit) in [
            (['H', 'h'], 3_600 * TICKS_PER_SECOND),
            (['M', 'm'], 60 * TICKS_PER_SECOND),
            (['S', 's'], TICKS_PER_SECOND),
        ] {
            if let Some(part) = at.part(letter, unit)? {
                ticks = Some(ticks.unwrap_or(0).checked_add(part)?);
                parts += 1;
            }
        }
        // A `T` announces something.
        if !at.0.is_empty() || time.is_empty() {
            return None;
        }
    }
    let ticks = ticks.filter(|ticks| parts > 0 && *ticks <= MAX)?;
    Some(if negative { -ticks } else { ticks })
}

/// What is left to read.
struct Reader<'t>(&'t str);

impl Reader<'_> {
    /// A number in front of one of the letters, if one stands here; only seconds have a fraction.
    fn part(&mut self, letters: [char; 2], unit: i64) -> Option<Option<i64>> {
        let end = self.0.find(|c: char| !c.is_ascii_digit() && c != '.');
        let Some(end) = end.filter(|end| self.0[*end..].starts_with(letters)) else {
            return Some(None);
        };
        let number = &self.0[..end];
        self.0 = &self.0[end + 1..];
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) if unit == TICKS_PER_SECOND => (whole, fraction),
            Some(_) => return None,
            None => (number, "0"),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        let tenths: i64 = format!("{fraction:0<7}")[..7].parse().ok()?;
        let whole: i64 = whole.parse().ok()?;
        whole.checked_mul(unit)?.checked_add(tenths).map(Some)
    }
}

/// The text of a span.
pub(crate) fn text(ticks: i64) -> String {
    let sign = if ticks < 0 { "-" } else { "" };
    let (seconds, rest) = (
        ticks.unsigned_abs() / TICKS_PER_SECOND.unsigned_abs(),
        ticks.unsigned_abs() % TICKS_PER_SECOND.unsigned_abs(),
    );
    format!("{sign}PT{seconds}.{rest:07}S")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, ticks) in [
            ("PT1H", 3_600 * TICKS_PER_SECOND),
            ("P1D", TICKS_PER_DAY),
            ("-P1D", -TICKS_PER_DAY),
            ("+PT1M", 60 * TICKS_PER_SECOND),
            (
                "P2DT3H4M5.6S",
                2 * TICKS_PER_DAY + 11_045 * TICKS_PER_SECOND + 6_000_000,
            ),
            ("PT0.00000019S", 1),
            ("pt90m", 5_400 * TICKS_PER_SECOND),
            ("PT0S", 0),
        ] {
            assert_eq!(parse(text), Some(ticks), "{text}");
        }
    }

    #[test]
    fn what_is_no_span() {
        for text in [
            "",
            "P",
            "PT",
            "-",
            "1H",
            "PT1",
            "P1",
            "P1Y",
            "P1M",
            "P1W",
            "P1H",
            "PT1D",
            "P1DT",
            "PT1H1H",
            "PT1M1H",
            "PT1.5H",
            "P1.5D",
            "PT.5S",
            "PT1.S",
            "PT1.2.3S",
            "--P1D",
            "P-1D",
            "PT1H ",
            " PT1H",
            "PT٣H",
            "P9999999999D",
            "P4000000D",
            "PT99999999999999999999S",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ticks in -MAX..=MAX) {
            prop_assert_eq!(parse(&text(ticks)), Some(ticks));
        }

        #[test]
        fn no_text_panics(text in "[-+PTDHMSptdhms0-9.ä]{0,20}|.{0,20}") {
            let _ = parse(&text);
        }
    }
}
