//! What goes into a statement and comes out of a row, the same for every database.

use std::borrow::Cow;

use crate::error::StoreError;

/// One parameter or one field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// Numbers, times in milliseconds, flags as 0 and 1.
    Integer(i64),
    /// Text; a database may give it back as bytes.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

impl Value<'_> {
    /// Bytes that it takes, roughly: what statements and pages are cut by.
    pub fn size(&self) -> usize {
        match self {
            Self::Null => 1,
            Self::Integer(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Integer(flag.into())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(bytes))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The parameters of a statement, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        [$($crate::value::Value::from($value)),*]
    };
}
pub(crate) use values;

/// One row of an answer. A field of another type than the schema says is damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub Vec<Value<'static>>);

impl Row {
    fn field(&self, at: usize) -> &Value<'static> {
        self.0.get(at).unwrap_or(&Value::Null)
    }

    /// A number that is always there.
    pub fn number<N: TryFrom<i64>>(&self, at: usize) -> Result<N, StoreError> {
        self.optional(at)?.ok_or_else(|| odd(at, "a number", self.field(at)))
    }

    /// A number, or nothing.
    pub fn optional<N: TryFrom<i64>>(&self, at: usize) -> Result<Option<N>, StoreError> {
        match self.field(at) {
            Value::Null => Ok(None),
            Value::Integer(number) => N::try_from(*number)
                .map(Some)
                .map_err(|_| odd(at, "a smaller number", self.field(at))),
            other => Err(odd(at, "a number", other)),
        }
    }

    /// A flag.
    pub fn flag(&self, at: usize) -> Result<bool, StoreError> {
        Ok(self.number::<i64>(at)? != 0)
    }

    /// Bytes, or the bytes of a text.
    pub fn bytes(&self, at: usize) -> Result<&[u8], StoreError> {
        match self.field(at) {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Text(text) => Ok(text.as_bytes()),
            other => Err(odd(at, "bytes", other)),
        }
    }

    /// A text.
    pub fn text(&self, at: usize) -> Result<String, StoreError> {
        let bytes = self.bytes(at)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| odd(at, "UTF-8", self.field(at)))
    }

    /// Bytes of all fields.
    pub fn size(&self) -> usize {
        self.0.iter().map(Value::size).sum()
    }
}

fn odd(at: usize, expected: &str, found: &Value<'_>) -> StoreError {
    let found = match found {
        Value::Null => "nothing".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => format!("text of {} bytes", text.len()),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
    };
    StoreError::Corrupt {
        finding: format!("field {at} of a row holds {found} where {expected} must be"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_another_type_is_damage() {
        let row = Row(values![7_i64, None::<i64>, "text", vec![0xff_u8]].to_vec());
        assert_eq!(row.number::<u32>(0).unwrap(), 7);
        assert_eq!(row.optional::<i64>(1).unwrap(), None);
        assert_eq!(
            (row.text(2).unwrap().as_str(), row.bytes(2).unwrap()),
            ("text", &b"text"[..])
        );
        assert_eq!(row.size(), 8 + 1 + 4 + 1);
        for error in [
            row.number::<i64>(1).unwrap_err(),
            row.number::<i64>(2).unwrap_err(),
            row.text(3).unwrap_err(),
            row.bytes(9).unwrap_err(),
            Row(values![-1_i64].to_vec()).number::<u32>(0).unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        }
    }
}
