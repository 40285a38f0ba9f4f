//! A strict JSON parser. It rejects duplicate members, deep nesting, and values that other parsers may read
//! differently.

mod checked;
mod escape;
mod fault;
mod members;
mod object;
mod reader;
mod text;
mod values;

#[cfg(feature = "mcp")]
pub(crate) use self::checked::PRIVATE_TO_SERDE;
#[cfg(feature = "mcp")]
pub(crate) use self::escape::{LoneSurrogate, after_escape, code_unit, unescape};
pub(crate) use self::fault::Fault;
pub(crate) use self::members::written_members;
pub(crate) use self::object::{
    BYTE_ORDER_MARK, Member, Object, Presence, fill_object, parse_object,
};
pub(crate) use self::text::Text;
#[cfg(feature = "mcp")]
pub(crate) use self::text::special_in_word;
pub(crate) use self::values::{MaybeText, NumericDate, TextOrList, TextOrNumber};

#[cfg(test)]
mod tests;
