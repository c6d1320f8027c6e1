//! Reading JSON of which nothing is certain: a field that is missing, a number that cannot be, are named.

use serde_json::Value;

use crate::error::ProviderError;

/// Values that a quantity can have on this planet; what lies outside is another unit or nonsense.
pub(super) const CELSIUS: (f64, f64) = (-100.0, 70.0);
pub(super) const MILLIMETRES: (f64, f64) = (0.0, 1_000.0);
pub(super) const CENTIMETRES: (f64, f64) = (0.0, 500.0);
pub(super) const METRES_PER_SECOND: (f64, f64) = (0.0, 150.0);

/// A field that must be there.
pub(super) fn field<'a>(object: &'a Value, path: &str, name: &str) -> Result<&'a Value, ProviderError> {
    object
        .get(name)
        .ok_or_else(|| ProviderError::schema(within(path, name), "is missing"))
}

fn within(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A number in its bounds; null is `None`.
pub(super) fn bounded(value: &Value, path: &str, (least, most): (f64, f64)) -> Result<Option<f64>, ProviderError> {
    if value.is_null() {
        return Ok(None);
    }
    let number = value
        .as_f64()
        .ok_or_else(|| ProviderError::schema(path, "is no number"))?;
    if (least..=most).contains(&number) {
        Ok(Some(number))
    } else {
        Err(ProviderError::schema(
            path,
            "lies outside of what is possible: has its unit changed?",
        ))
    }
}

/// The same for a field that must be there.
pub(super) fn number(object: &Value, path: &str, name: &str, bounds: (f64, f64)) -> Result<Option<f64>, ProviderError> {
    bounded(field(object, path, name)?, &within(path, name), bounds)
}

/// Unix seconds as milliseconds.
pub(super) fn seconds(object: &Value, path: &str, name: &str) -> Result<i64, ProviderError> {
    let value = field(object, path, name)?.as_i64();
    let value = value.filter(|seconds| (0..=221_845_392_000).contains(seconds));
    value
        .map(|seconds| seconds * 1_000)
        .ok_or_else(|| ProviderError::schema(within(path, name), "is no Unix time in seconds"))
}

/// A list that must be there.
pub(super) fn list<'a>(object: &'a Value, path: &str, name: &str) -> Result<&'a Vec<Value>, ProviderError> {
    let value = field(object, path, name)?;
    value
        .as_array()
        .ok_or_else(|| ProviderError::schema(within(path, name), "is no list"))
}
