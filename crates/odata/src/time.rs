//! An instant with the precision of the protocol: seven digits of a second, in UTC.
//!
//! Stored as one integer, so both databases order, compare and index it alike, and what was
//! written is read back digit for digit.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Ticks of one second: 10 million of 100 ns.
pub const TICKS_PER_SECOND: i64 = 10_000_000;
/// Ticks of one day.
pub const TICKS_PER_DAY: i64 = 86_400 * TICKS_PER_SECOND;

/// An instant: ticks of 100 ns since 1970-01-01T00:00:00Z. Years 1 to 9999 can be written.
///
/// ```
/// let start = odata::Timestamp::parse("2018-01-15T19:18:02.7900+01:00").unwrap();
/// assert_eq!(start.to_string(), "2018-01-15T18:18:02.79Z");
/// ```
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant of this call. Nothing else in the crate asks the clock.
    pub fn now() -> Timestamp {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp(0).plus(since),
            Err(before) => Timestamp(0).minus(before.duration()),
        }
    }

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis.saturating_mul(10_000))
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(10_000)
    }

    /// This instant and `duration` later; the last representable one at most.
    pub fn plus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(ticks(duration)))
    }

    /// This instant and `duration` earlier; the first representable one at least.
    pub fn minus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(ticks(duration)))
    }

    /// How long after `earlier` this is; zero when it is not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let ticks = u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0);
        Duration::from_micros(ticks / 10) + Duration::from_nanos(ticks % 10 * 100)
    }

    /// Reads ISO 8601: a date; or a date, `T` or a blank, hours and minutes, then as one likes
    /// seconds, a fraction (what exceeds seven digits is cut off) and `Z` or an offset.
    /// Without either the time is UTC. `None` for anything else and outside the years 1 to 9999.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let mut at = Reader(text.as_bytes());
        let year = at.digits(4)?;
        at.byte(b'-')?;
        let month = at.digits(2)?;
        at.byte(b'-')?;
        let day = at.digits(2)?;
        let days = days_from_civil(year, month, day)?;
        let ticks = match at.0.first() {
            None => 0,
            Some(b'T' | b't' | b' ') => {
                at.0 = &at.0[1..];
                at.time_of_day()?
            }
            Some(_) => return None,
        };
        let all = days * TICKS_PER_DAY + ticks;
        (MIN..=MAX).contains(&all).then_some(Timestamp(all))
    }
}

fn ticks(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos() / 100).unwrap_or(i64::MAX)
}

/// 0001-01-01T00:00:00Z and the last tick of the year 9999.
pub(crate) const MIN: i64 = -719_162 * TICKS_PER_DAY;
pub(crate) const MAX: i64 = 2_932_897 * TICKS_PER_DAY - 1;

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// Exactly `n` decimal digits.
    fn digits(&mut self, n: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(n)?;
        let mut value = 0;
        for byte in head {
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i64::from(byte - b'0');
        }
        self.0 = rest;
        Some(value)
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        (*first == expected).then_some(())
    }

    fn skip(&mut self, expected: u8) -> bool {
        match self.0.strip_prefix(&[expected]) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// `hh:mm[:ss[.fraction]][offset]` to the end of the text, in ticks of UTC.
    fn time_of_day(&mut self) -> Option<i64> {
        let hour = self.digits(2)?;
        self.byte(b':')?;
        let minute = self.digits(2)?;
        let second = if self.skip(b':') { self.digits(2)? } else { 0 };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let fraction = if self.skip(b'.') { self.fraction()? } else { 0 };
        let offset_minutes = self.offset()?;
        let seconds = (hour * 60 + minute - offset_minutes) * 60 + second;
        Some(seconds * TICKS_PER_SECOND + fraction)
    }

    /// Digits after the point as ticks; there may be none.
    fn fraction(&mut self) -> Option<i64> {
        let len = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        let mut ticks = 0;
        for i in 0..7 {
            ticks = ticks * 10 + head.get(i).map_or(0, |b| i64::from(b - b'0'));
        }
        Some(ticks)
    }

    /// `Z`, `±hh`, `±hhmm`, `±hh:mm` or nothing, in minutes; then the text must be over.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.0.first() {
            None => return Some(0),
            Some(b'Z' | b'z') if self.0.len() == 1 => return Some(0),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.digits(2)?;
        self.skip(b':');
        let minutes = if self.0.is_empty() {
            0
        } else {
            self.digits(2)?
        };
        if !self.0.is_empty() || hours > 14 || minutes > 59 {
            return None;
        }
        Some(sign * (hours * 60 + minutes))
    }
}

/// Days from 1970-01-01 of a date of the proleptic Gregorian calendar, counting in eras of 400
/// years that start on 1 March, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if year < 1 || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The date of a day counted from 1970-01-01: the inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// Longest text of an instant.
const WIDTH: usize = "0001-01-01T00:00:00.0000000Z".len();

impl Timestamp {
    /// Gives its text to `f`: `2018-01-15T18:18:02.79Z`, without zeros at the end of the fraction
    /// and without a fraction of 0. Times are every fourth value of many an answer, and the
    /// machinery of formatting takes longer than all else about them.
    pub fn text<T>(self, f: impl FnOnce(&str) -> T) -> T {
        let ticks = self.0.clamp(MIN, MAX);
        let (year, month, day) = civil_from_days(ticks.div_euclid(TICKS_PER_DAY));
        let in_day = ticks.rem_euclid(TICKS_PER_DAY);
        let seconds = in_day / TICKS_PER_SECOND;
        let mut text = *b"0001-01-01T00:00:00.0000000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], seconds / 3_600);
        digits(&mut text[14..16], seconds / 60 % 60);
        digits(&mut text[17..19], seconds % 60);
        digits(&mut text[20..27], in_day % TICKS_PER_SECOND);
        let mut end = WIDTH - 1;
        while text[end - 1] == b'0' && end > 20 {
            end -= 1;
        }
        if end == 20 {
            end -= 1;
        }
        text[end] = b'Z';
        f(std::str::from_utf8(&text[..=end]).unwrap_or_default())
    }
}

/// Fills the place with the last digits of a number that is not negative.
fn digits(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text(|text| f.write_str(text))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format_args!("'{text}' is not a date and time"))
        })
    }
}

impl From<Timestamp> for db::Value {
    fn from(at: Timestamp) -> db::Value {
        db::Value::Int(at.0)
    }
}

impl db::Param for Timestamp {
    const TYPE: &'static str = i64::TYPE;
}

impl db::FromValue for Timestamp {
    fn from_cell(cell: db::Cell<'_>) -> Option<Timestamp> {
        i64::from_cell(cell).map(Timestamp)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn same(text: &str, written: &str) {
        let parsed = Timestamp::parse(text).unwrap_or_else(|| panic!("{text} was refused"));
        assert_eq!(parsed.to_string(), written, "{text}");
    }

    #[test]
    fn fractions_are_written_as_far_as_they_go() {
        for (ticks, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.0000001Z"),
            (9_000_000, "1970-01-01T00:00:00.9Z"),
            (10_000_000, "1970-01-01T00:00:01Z"),
            (100_500_000, "1970-01-01T00:00:10.05Z"),
            (-1, "1969-12-31T23:59:59.9999999Z"),
            (i64::MIN, "0001-01-01T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59.9999999Z"),
        ] {
            assert_eq!(Timestamp(ticks).to_string(), written);
        }
    }

    #[test]
    fn reads_what_clients_send() {
        same("2018-01-15T18:18:02.79Z", "2018-01-15T18:18:02.79Z");
        same(
            "2018-03-19T19:01:58.6806126Z",
            "2018-03-19T19:01:58.6806126Z",
        );
        same(
            "2018-03-19T19:01:58.680612699Z",
            "2018-03-19T19:01:58.6806126Z",
        );
        same("2017-01-01T00:00:00.000Z", "2017-01-01T00:00:00Z");
        same("2017-01-01T00:00:00.Z", "2017-01-01T00:00:00Z");
        same("2017-01-01", "2017-01-01T00:00:00Z");
        same("2017-01-01 10:20", "2017-01-01T10:20:00Z");
        same("2017-01-01T10:20:30", "2017-01-01T10:20:30Z");
        same("2017-01-01t10:20:30z", "2017-01-01T10:20:30Z");
        same("2017-01-01T00:20:30+01:00", "2016-12-31T23:20:30Z");
        same("2017-01-01T10:20:30-0530", "2017-01-01T15:50:30Z");
        same("2017-01-01T10:20:30+02", "2017-01-01T08:20:30Z");
        same(
            "2016-02-29T23:59:59.9999999Z",
            "2016-02-29T23:59:59.9999999Z",
        );
        same("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z");
        same("0001-01-01", "0001-01-01T00:00:00Z");
        same(
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T23:59:59.9999999Z",
        );
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for text in [
            "",
            "2017",
            "2017-1-1",
            "2017-02-29",
            "2017-13-01",
            "2017-00-01",
            "0000-01-01",
            "2017-01-01T",
            "2017-01-01T24:00",
            "2017-01-01T10:60",
            "2017-01-01T10:20:60",
            "2017-01-01T10:20:30+25:00",
            "2017-01-01T10:20:30+01:0",
            "2017-01-01T10:20:30ZZ",
            "2017-01-01X10:20:30",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "２０１７-01-01",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let at = Timestamp::from_millis(1_500);
        assert_eq!(at.0, 15_000_000);
        assert_eq!(at.plus(Duration::from_nanos(250)).0, 15_000_002);
        assert_eq!(at.minus(Duration::from_secs(2)), Timestamp(-5_000_000));
        assert_eq!(at.minus(Duration::from_secs(2)).millis(), -500);
        assert_eq!(Timestamp(-1).millis(), -1);
        assert_eq!(at.since(Timestamp(0)), Duration::from_millis(1_500));
        assert_eq!(Timestamp(0).since(at), Duration::ZERO);
        assert_eq!(Timestamp(i64::MAX).plus(Duration::MAX), Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MIN).to_string(), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn now_lies_in_this_century_and_travels_as_text() {
        let now = Timestamp::now();
        assert!(now > Timestamp::parse("2024-01-01").unwrap());
        let json = serde_json::to_string(&now).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), now);
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ticks in MIN..=MAX) {
            let at = Timestamp(ticks);
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = Timestamp::parse(&text);
        }
    }
}
