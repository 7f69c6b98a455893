//! Durations as people write them: `500ms`, `10s`, `1m30s`.

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration such as 500ms, 10s, 2m or 1m30s")]
pub(crate) struct NotADuration(String);

/// Milliseconds of each unit; `ms` stands before `m` and `s`, which begin or end it.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Parses whole numbers with units, largest first or not; their sum counts.
pub(crate) fn parse(text: &str) -> Result<Duration, NotADuration> {
    let not_one = || NotADuration(text.to_owned());
    let mut rest = text.trim();
    let mut millis: u64 = 0;
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(not_one());
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| not_one())?;
        let (unit, each) = UNITS.into_iter().find(|(unit, _)| behind.starts_with(unit)).ok_or_else(not_one)?;
        millis = number.checked_mul(each).and_then(|part| millis.checked_add(part)).ok_or_else(not_one)?;
        rest = behind.get(unit.len()..).unwrap_or_default();
    }
    Ok(Duration::from_millis(millis))
}

/// A duration in one unit that fits: `850 ms`, `12 s`, `3 min`, `2 h`, `5 d`.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_every_unit_are_read() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1m30s", 90_000),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", " ", "10", "s", "-1s", "1.5s", "10 s", "1d", "99999999999999999999s", "18446744073709551615h", "1s€"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_short_duration_has_one_unit() {
        for (millis, text) in
            [(850, "850 ms"), (12_300, "12 s"), (180_000, "3 min"), (7_200_000, "2 h"), (432_000_000, "5 d")]
        {
            assert_eq!(short(Duration::from_millis(millis)), text);
        }
    }
}
