//! What a reader of events finds wrong, before it is worth a sentence.
//!
//! Promises: cheap to make and to pass up; only what is told to somebody gets a pointer and a hint.

use crate::code::Code;
use crate::event::{Rejection, suggest};
use crate::json;

/// What a reader found wrong.
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) offset: usize,
    /// A member of the object at `offset` that is meant, not the object itself.
    pub(super) member: Option<&'static str>,
    pub(super) hint: Hint,
}

/// What to say besides the code.
pub(super) enum Hint {
    /// The common hint of the code.
    Common,
    /// This.
    Text(&'static str),
    /// The member that was perhaps meant, out of these.
    Nearest(&'static [&'static str]),
}

/// What reading gives.
pub(super) type Read<T> = Result<T, Fault>;

impl Fault {
    pub(super) fn new(code: Code, offset: usize, hint: Hint) -> Fault {
        Fault { code, offset, member: None, hint }
    }

    pub(super) fn missing(object: usize, member: &'static str) -> Fault {
        Fault { code: Code::MissingField, offset: object, member: Some(member), hint: Hint::Common }
    }

    /// The answer to the sender of `bytes`.
    #[cold]
    pub(super) fn rejection(self, bytes: &[u8]) -> Rejection {
        let mut field = json::pointer_at(bytes, self.offset);
        if let Some(member) = self.member {
            json::push_token(&mut field, member);
        }
        match self.hint {
            Hint::Text(hint) => Rejection::with_hint(self.code, field, hint),
            Hint::Nearest(names) => suggest::unknown_member(field, names),
            Hint::Common if bytes.starts_with(b"\xef\xbb\xbf") => {
                Rejection::with_hint(self.code, field, "send UTF-8 without a byte order mark")
            }
            Hint::Common => Rejection::new(self.code, field),
        }
    }
}

impl From<json::Error> for Fault {
    fn from(error: json::Error) -> Fault {
        Fault::new(error.code, error.offset, Hint::Common)
    }
}

/// `null` or an object without members where an element is due: positions count, so that it cannot mean nothing.
pub(super) fn no_element(offset: usize) -> Fault {
    Fault::new(
        Code::InvalidValue,
        offset,
        Hint::Text("an element of a list cannot be absent: leave it out"),
    )
}
