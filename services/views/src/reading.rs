//! JSON from outside: as the standard library of the format reads it, but a name that stands twice in one object is refused.
//! Which of the two was meant nobody knows (RFC 8259, 4), and whoever takes the last one drops the other without a word.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why a text is not taken as JSON.
#[derive(Debug)]
pub enum Unread {
    /// It is none.
    Syntax(serde_json::Error),
    /// This name stands twice in one object: `set.objectives[0].max`.
    Twice(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::Twice(name) => write!(f, "`{name}` stands twice in one object"),
        }
    }
}

impl std::error::Error for Unread {}

/// One JSON value that is all of `text`.
pub fn read_json(text: &[u8]) -> Result<Value, Unread> {
    let twice = RefCell::new(None);
    let place = Place {
        path: "",
        twice: &twice,
    };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = place.deserialize(&mut reader).and_then(|value| {
        reader.end()?;
        Ok(value)
    });
    read.map_err(|error| twice.take().map_or(Unread::Syntax(error), Unread::Twice))
}

/// Where in the text a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    twice: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let path = format!("{}[{}]", self.path, values.len());
            let Some(value) = list.next_element_seed(Place { path: &path, ..self })? else {
                return Ok(Value::Array(values));
            };
            values.push(value);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let path = match self.path {
                "" => name.clone(),
                outer => format!("{outer}.{name}"),
            };
            if values.contains_key(&name) {
                *self.twice.borrow_mut() = Some(path);
                return Err(A::Error::custom("a name stands twice"));
            }
            let value = object.next_value_seed(Place { path: &path, ..self })?;
            values.insert(name, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_stand_once_in_an_object() {
        for (text, twice) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"{"a": {"b": [1, {"c": null, "d": 2, "c": 3}]}}"#, "a.b[1].c"),
            (r#"[{"a": 1}, {"a": 1, "b": {}, "b": {}}]"#, "[1].b"),
            // The same name, written in another way.
            (r#"{"a": 1, "\u0061": 2}"#, "a"),
        ] {
            match read_json(text.as_bytes()) {
                Err(Unread::Twice(name)) => assert_eq!(name, twice, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn all_else_is_read_as_ever() {
        for text in [
            "null",
            " true ",
            "-1",
            "18446744073709551615",
            "1e300",
            "0.1",
            r#""\ud83d\ude00""#,
            "[]",
            r#"{"b": {"a": 1}, "a": {"a": [{"a": 1}, {"a": 2}]}}"#,
        ] {
            let wanted: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read_json(text.as_bytes()).unwrap(), wanted, "{text}");
        }
        for text in ["", "{", "[1,]", "1 2", "nan", "\u{feff}1", &"[".repeat(200), "1e999"] {
            let wanted = serde_json::from_str::<Value>(text).unwrap_err().to_string();
            assert_eq!(read_json(text.as_bytes()).unwrap_err().to_string(), wanted, "{text}");
        }
    }
}
