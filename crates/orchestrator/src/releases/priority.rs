//! Priorities: a number from 1 to 100 of which the API also shows a band.

use super::JobPriority;
use crate::error::{Error, Result};

/// A job's priority; more runs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority(i64);

impl Priority {
    /// What a process has when nobody says otherwise.
    pub const NORMAL: Self = Self(45);

    /// The priority that a request asks for: a band or a number, not both; `None` when neither.
    ///
    /// # Errors
    /// 1009 for both, and for a number outside 1 to 100.
    pub fn read(band: Option<JobPriority>, number: Option<i64>) -> Result<Option<Self>> {
        match (band, number) {
            (Some(_), Some(_)) => Err(Error::invalid(
                "Cannot set a specific priority value when a standard job priority setting is selected.",
            )),
            (None, Some(n)) if (1..=100).contains(&n) => Ok(Some(Self(n))),
            (None, Some(_)) => Err(Error::invalid(
                "The field SpecificPriorityValue must be between 1 and 100.",
            )),
            (Some(JobPriority::Low), None) => Ok(Some(Self(25))),
            (Some(JobPriority::Normal), None) => Ok(Some(Self::NORMAL)),
            (Some(JobPriority::High), None) => Ok(Some(Self(65))),
            (None, None) => Ok(None),
        }
    }

    /// A stored number.
    #[must_use]
    pub fn stored(value: i64) -> Self {
        Self(value)
    }

    /// The band that the API shows with it.
    #[must_use]
    pub fn band(self) -> JobPriority {
        match self.0 {
            61.. => JobPriority::High,
            31..=60 => JobPriority::Normal,
            _ => JobPriority::Low,
        }
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_or_a_number_but_not_both() {
        let read = |b, n| Priority::read(b, n).map(|p| p.map(Priority::value));
        assert_eq!(read(None, None).unwrap(), None);
        assert_eq!(read(Some(JobPriority::Low), None).unwrap(), Some(25));
        assert_eq!(read(Some(JobPriority::High), None).unwrap(), Some(65));
        assert_eq!(read(None, Some(100)).unwrap(), Some(100));
        for number in [0, 101, -1, i64::MAX] {
            assert!(read(None, Some(number)).is_err());
        }
        assert!(read(Some(JobPriority::Normal), Some(45)).is_err());
        for band in [JobPriority::Low, JobPriority::Normal, JobPriority::High] {
            let priority = Priority::read(Some(band), None).unwrap();
            assert_eq!(priority.map(Priority::band), Some(band));
        }
    }
}
