//! A JSON value as a tree.

use std::borrow::Cow;

/// A JSON value. Objects that `parse` made are sorted by key (code-point order) and have no key twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its token was spelled: `1e2` is not `100`.
    Number(Cow<'a, str>),
    /// A text, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<Cow<'a, str>>) -> Value<'a> {
        Value::String(text.into())
    }

    /// A plain integer.
    #[must_use]
    pub fn integer(number: u64) -> Value<'a> {
        Value::Number(Cow::Owned(number.to_string()))
    }

    /// An object of `members`, sorted here; of equal keys the caller must not give two.
    #[must_use]
    pub fn object(mut members: Vec<(Cow<'a, str>, Value<'a>)>) -> Value<'a> {
        members.sort_by(|a, b| a.0.cmp(&b.0));
        Value::Object(members)
    }

    /// The member `key` of an object.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Value<'a>> {
        let Value::Object(members) = self else { return None };
        members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number as a plain unsigned integer (no sign, point or exponent), if it is one.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Number(token) if token.bytes().all(|byte| byte.is_ascii_digit()) => {
                token.parse().ok()
            }
            _ => None,
        }
    }

    /// The same value, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(truth) => Value::Bool(truth),
            Value::Number(token) => Value::Number(Cow::Owned(token.into_owned())),
            Value::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Value::Array(elements) => {
                Value::Array(elements.into_iter().map(Value::into_owned).collect())
            }
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// How many arrays and objects are inside one another, this one included: 0 for a leaf.
    #[must_use]
    pub fn depth(&self) -> u32 {
        match self {
            Value::Array(elements) => 1 + elements.iter().map(Value::depth).max().unwrap_or(0),
            Value::Object(members) => {
                1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0)
            }
            _ => 0,
        }
    }
}
