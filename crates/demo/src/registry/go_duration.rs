//! Durations in Go's notation (<https://pkg.go.dev/time#ParseDuration>): `300ms`, `1.5s`, `1m30s`. A number without a
//! unit is refused, except `0`.

use std::time::Duration;

const NANOS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];

/// Parses; a negative duration comes back as zero, which is how Consul treats one wherever it takes a duration.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, scale) = NANOS.iter().find(|(name, _)| *name == unit)?;
        nanos += number * scale;
        rest = tail;
    }
    if negative {
        return Some(Duration::ZERO);
    }
    Duration::try_from_secs_f64(nanos / 1e9).ok()
}

/// Writes as Go does: `1s`, `1m30s`, `1h0m0s`, `500ms`, `1.5s`.
pub(crate) fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        let micros = duration.subsec_micros();
        return match micros {
            0 => "0s".to_owned(),
            1..1000 => format!("{micros}µs"),
            _ => format!("{}ms", f64::from(micros) / 1e3),
        };
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = Duration::new(seconds % 60, duration.subsec_nanos()).as_secs_f64();
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, minutes) => format!("{minutes}m{rest}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, millis) in [
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("1.5s", 1500),
            ("250ms", 250),
            ("0", 0),
            ("1h", 3_600_000),
            ("-1s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "1x", "1 s", "1.2.3s", "-"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn writes_as_go_writes() {
        for (millis, text) in
            [(1000, "1s"), (500, "500ms"), (90_000, "1m30s"), (3_600_000, "1h0m0s"), (1500, "1.5s"), (0, "0s")]
        {
            assert_eq!(format(Duration::from_millis(millis)), text);
        }
    }
}
