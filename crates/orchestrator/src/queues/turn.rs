//! The order in which items are handed out, as one number for the index of those that wait.

use odata::Timestamp;

use super::entities::QueueItemPriority;

/// Bits of the due date, within the priority, within whether there is a due date at all.
const DUE_BITS: u32 = 59;
const LATEST: i64 = (1 << DUE_BITS) - 1;

/// The turn of a new item: the smallest is next. Items with a due date come first, by priority and
/// then by date; the others follow by priority. Equals are handed out as they came. `None` as long
/// as it is deferred.
pub(super) fn of(
    priority: QueueItemPriority,
    due_date: Option<Timestamp>,
    defer_date: Option<Timestamp>,
    now: Timestamp,
) -> Option<i64> {
    if defer_date.is_some_and(|date| date > now) {
        return None;
    }
    let (late, date) = match due_date {
        Some(date) => (0, date.0.clamp(0, LATEST)),
        None => (1, 0),
    };
    Some((((late << 2) | priority as i64) << DUE_BITS) | date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_dates_come_first_then_priorities_then_dates() {
        use QueueItemPriority::{High, Low, Normal};
        let now = Timestamp::parse("2026-05-01T00:00:00Z").unwrap();
        let at = |date| Timestamp::parse(date);
        let order = [
            (High, at("1900-01-01")),
            (High, at("2026-01-01")),
            (High, at("2026-01-02")),
            (Normal, at("2025-01-01")),
            (Normal, at("9999-12-31")),
            (Low, at("2020-01-01")),
            (High, None),
            (Normal, None),
            (Low, None),
        ];
        let turns = order.map(|(priority, due)| of(priority, due, at("2026-04-30"), now).unwrap());
        assert!(turns.is_sorted_by(|a, b| a < b), "{turns:?}");
        assert_eq!(of(High, None, at("2026-05-02"), now), None);
    }
}
