//! Small things that all stores need: decoding what is stored, numbers that a database keeps signed, new ids.

use prost::Message;

use crate::error::StoreError;

/// A stored message.
pub(crate) fn decoded<M: Message + Default>(what: &'static str, body: &[u8]) -> Result<M, StoreError> {
    M::decode(body).map_err(|source| StoreError::Undecodable { what, source })
}

/// A number that the database keeps signed.
pub(crate) fn signed(field: &'static str, number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| {
        StoreError::invalid(
            field,
            number,
            "must be below 2^63",
            "this number is not one that was given out; read again",
        )
    })
}

/// 32 random hexadecimal digits.
pub(crate) fn new_id() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Database(Box::new(error)))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
