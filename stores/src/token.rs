//! Random texts that identify a history.

use crate::BoxError;

/// 128 random bits, in hexadecimal digits.
///
/// # Errors
///
/// If the system has no randomness.
pub(crate) fn random_token() -> Result<String, BoxError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
