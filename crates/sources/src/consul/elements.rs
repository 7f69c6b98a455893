//! Cuts a JSON array into its elements while it arrives, so that a listing of any length needs the memory of its largest
//! element only, and is understood by the time its last byte is here.

use super::SYSTEM;
use super::api::not_understood;
use crate::error::{ErrorKind, SourceError};

/// The largest single element: a node with thousands of services, or a key with a value at a raised limit.
const ELEMENT_CAP: usize = 64 * 1024 * 1024;

/// The state between two parts of a body.
#[derive(Debug, Default)]
pub(super) struct Elements {
    /// What is here of the element that has begun.
    begun: Vec<u8>,
    place: Place,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    BeforeArray,
    /// After so many letters of `null`, which Go writes for an empty list.
    InNull(usize),
    BeforeFirst,
    InElement,
    AfterElement,
    AfterComma,
    AfterArray,
}

impl Elements {
    /// Takes the next part of the body, and gives each element that is whole to `each`.
    pub(super) fn feed(
        &mut self,
        tried: &str,
        part: &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), serde_json::Error>,
    ) -> Result<(), SourceError> {
        let mut rest = part;
        while !rest.is_empty() {
            if self.place != Place::InElement {
                rest = self.between(tried, rest)?;
                continue;
            }
            let Some(length) = self.end_of_element(rest) else {
                if self.begun.len() + rest.len() > ELEMENT_CAP {
                    return Err(crate::http::too_large(SYSTEM, tried, ELEMENT_CAP));
                }
                self.begun.extend_from_slice(rest);
                return Ok(());
            };
            let (last, behind) = rest.split_at(length.min(rest.len()));
            let whole = if self.begun.is_empty() {
                each(last)
            } else {
                self.begun.extend_from_slice(last);
                each(&self.begun)
            };
            whole.map_err(|error| not_understood(tried, &error.to_string()))?;
            self.begun.clear();
            self.place = Place::AfterElement;
            rest = behind;
        }
        Ok(())
    }

    /// To be called at the end of the body: is the array whole?
    pub(super) fn finish(&self, tried: &str) -> Result<(), SourceError> {
        if matches!(self.place, Place::AfterArray | Place::InNull(4)) {
            return Ok(());
        }
        Err(SourceError {
            system: SYSTEM,
            kind: ErrorKind::CutOff,
            tried: tried.to_owned(),
            came_back: "the answer ended before it was whole".to_owned(),
            hint: "It is tried again by itself; what was known stays.".to_owned(),
        })
    }

    /// Looks at one byte between elements.
    fn between<'a>(&mut self, tried: &str, rest: &'a [u8]) -> Result<&'a [u8], SourceError> {
        let Some((&byte, behind)) = rest.split_first() else { return Ok(rest) };
        self.place = match (self.place, byte) {
            (place, b' ' | b'\t' | b'\r' | b'\n') if !matches!(place, Place::InNull(1..4)) => place,
            (Place::BeforeArray, b'[') => Place::BeforeFirst,
            (Place::BeforeArray, b'n') => Place::InNull(1),
            (Place::InNull(1), b'u') => Place::InNull(2),
            (Place::InNull(2), b'l') => Place::InNull(3),
            (Place::InNull(3), b'l') => Place::InNull(4),
            (Place::BeforeFirst | Place::AfterElement, b']') => Place::AfterArray,
            (Place::AfterElement, b',') => Place::AfterComma,
            (Place::BeforeFirst | Place::AfterComma, b'{') => {
                self.depth = 0;
                self.place = Place::InElement;
                return Ok(rest);
            }
            _ => return Err(not_understood(tried, "it is not a list of objects in JSON")),
        };
        Ok(behind)
    }

    /// How many bytes belong to the element that has begun; `None` when it goes on behind this part.
    fn end_of_element(&mut self, part: &[u8]) -> Option<usize> {
        for (at, &byte) in part.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn cut(body: &[u8], sizes: &[usize]) -> Result<Vec<Value>, SourceError> {
        let mut elements = Elements::default();
        let mut found = Vec::new();
        let mut rest = body;
        let mut sizes = sizes.iter().cycle();
        while !rest.is_empty() {
            let size = (*sizes.next().unwrap()).clamp(1, rest.len());
            let (part, behind) = rest.split_at(size);
            elements.feed("GET x", part, &mut |element| {
                found.push(serde_json::from_slice(element)?);
                Ok(())
            })?;
            rest = behind;
        }
        elements.finish("GET x")?;
        Ok(found)
    }

    #[test]
    fn nothing_is_taken_for_an_array_that_is_none() {
        for body in ["<html>", "{}", "[1]", "[{}{}]", "[{},]", "[,{}]", "[{}]x", "nulx", "n ull", "[{\"a\": nope}]"] {
            assert_eq!(cut(body.as_bytes(), &[3]).unwrap_err().kind, ErrorKind::NotUnderstood, "{body}");
        }
    }

    #[test]
    fn an_array_that_ends_early_is_cut_off() {
        for body in ["", "[", "[{}", "[{},", "[{\"a\": \"}]", "nul"] {
            assert_eq!(cut(body.as_bytes(), &[1]).unwrap_err().kind, ErrorKind::CutOff, "{body}");
        }
    }

    #[test]
    fn an_empty_list_of_go_is_null() {
        assert_eq!(cut(b" null\n", &[2]).unwrap(), Vec::<Value>::new());
        assert_eq!(cut(b"[]", &[1]).unwrap(), Vec::<Value>::new());
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), ".*".prop_map(Value::from)];
        let value = leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::btree_map(".*", value, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn any_list_of_objects_is_cut_into_the_same_objects_wherever_its_parts_end(
            list in prop::collection::vec(object(), 0..6),
            sizes in prop::collection::vec(1_usize..40, 1..8),
            pretty: bool,
        ) {
            let body = if pretty { serde_json::to_vec_pretty(&list) } else { serde_json::to_vec(&list) }.unwrap();
            prop_assert_eq!(cut(&body, &sizes).unwrap(), list);
        }

        #[test]
        fn no_bytes_can_break_it(body in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..20) {
            let _ = cut(&body, &[size]);
        }
    }
}
