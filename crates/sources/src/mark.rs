//! Marks of values, made where a value is read, so that nothing of it goes any further.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use binnacle_model::fact::ValueMark;

/// Drawn anew by each process: a mark that left it would say nothing.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The mark of a value. White space around it is no other value: editors end files with a line break.
pub(crate) fn of(value: &[u8]) -> ValueMark {
    ValueMark::of_keyed_digest(KEY.hash_one(value.trim_ascii()))
}

/// The mark of a value in base64; `None` when it is none.
pub(crate) fn of_base64(text: &str) -> Option<ValueMark> {
    STANDARD.decode(text).ok().map(|value| of(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_mark_however_they_are_written() {
        assert_eq!(of(b"info"), of(b"info\n"));
        assert_ne!(of(b"info"), of(b"debug"));
        assert_eq!(of_base64("aW5mbw=="), Some(of(b"info")));
        assert_eq!(of_base64("no base64"), None);
        assert_eq!(format!("{:?}", of(b"info")), "ValueMark");
    }
}
