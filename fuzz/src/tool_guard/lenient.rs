//! A lenient JSON parser without `serde_json`, as other languages have it. It accepts numbers of any size, half a
//! surrogate pair in a string, and any names. It rejects text that is not JSON.

use serde_json::Number;

use crate::json::Json;

pub(super) fn parse(body: &[u8]) -> Option<Json> {
    let mut reader = Reader {
        rest: std::str::from_utf8(body).ok()?,
    };
    let json = reader.value(MAX_DEPTH)?;
    reader.rest.is_empty().then_some(json)
}

/// The maximum depth of `serde_json`, and so of `rmcp`. Deeper documents are rejected.
const MAX_DEPTH: usize = 128;

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    /// A value and the white space around it.
    fn value(&mut self, depth: usize) -> Option<Json> {
        self.skip_space();
        let json = match self.rest.chars().next()? {
            '"' => Json::Text(self.text()?),
            '[' => Json::List(self.items(']', depth, Self::value)?),
            '{' => Json::Object(self.items('}', depth, Self::member)?),
            't' => self.take("true").then_some(Json::Bool(true))?,
            'f' => self.take("false").then_some(Json::Bool(false))?,
            'n' => self.take("null").then_some(Json::Null)?,
            _ => self.number()?,
        };
        self.skip_space();
        Some(json)
    }

    fn member(&mut self, depth: usize) -> Option<(String, Json)> {
        self.skip_space();
        let name = self.text()?;
        self.skip_space();
        self.take(":").then_some(())?;
        Some((name, self.value(depth)?))
    }

    /// The items between the opening bracket at the current position and `end`.
    fn items<T>(
        &mut self,
        end: char,
        depth: usize,
        item: fn(&mut Self, usize) -> Option<T>,
    ) -> Option<Vec<T>> {
        let depth = depth.checked_sub(1)?;
        self.rest = &self.rest[1..];
        self.skip_space();
        let mut items = Vec::new();
        if !self.rest.starts_with(end) {
            items.push(item(self, depth)?);
            while self.take(",") {
                items.push(item(self, depth)?);
            }
        }
        self.rest = self.rest.strip_prefix(end)?;
        Some(items)
    }

    fn text(&mut self) -> Option<String> {
        self.take("\"").then_some(())?;
        let mut units = Vec::new();
        loop {
            let c = self.rest.chars().next()?;
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '"' => return Some(String::from_utf16_lossy(&units)),
                '\\' => units.push(self.escape()?),
                ..' ' => return None,
                c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escape(&mut self) -> Option<u16> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(match c {
            '"' | '\\' | '/' => c as u16,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'u' => {
                let (digits, rest) = self.rest.split_at_checked(4)?;
                digits
                    .bytes()
                    .all(|digit| digit.is_ascii_hexdigit())
                    .then_some(())?;
                self.rest = rest;
                u16::from_str_radix(digits, 16).ok()?
            }
            _ => return None,
        })
    }

    /// A number. One that is too large becomes `null`, which makes no difference for this target.
    fn number(&mut self) -> Option<Json> {
        let is_other = |c: char| !(c.is_ascii_digit() || "+-.eE".contains(c));
        let end = self.rest.find(is_other).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        let digits = number.strip_prefix('-').unwrap_or(number);
        digits
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(())?;
        number.parse::<f64>().ok()?;
        Some(
            number
                .parse()
                .map_or(Json::Null, |number: Number| Json::Number(number)),
        )
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}
