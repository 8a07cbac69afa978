//! Part 6: values of detail that belong to a person, owners of targets, and a kept original, each under its pointer.
//!
//! Promises: every pointer reaches what part 6 may hold and ends at a member of an object; no two meet, and none meets
//! part 5; a container that it passes is there. Refuses to guess where part 5 is withheld: then only the table decides.

use std::borrow::Cow;

use super::table::{self, Empty, Shape};
use crate::json::{Value, tokens};

/// One member of a part 6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Personal<'r> {
    /// The ordinal of the part that holds it.
    pub(super) ordinal: u16,
    /// The pointer as it stands there.
    pub(super) pointer: String,
    /// Its tokens, unescaped.
    pub(super) tokens: Vec<String>,
    /// What it reaches.
    pub(super) reach: Reach,
    /// The value.
    pub(super) value: Value<'r>,
}

/// What a pointer of part 6 reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// `/original`, whole.
    Original,
    /// `/targets/<n>/owner`.
    Owner(u16),
    /// A member of part 5.
    Detail,
}

/// What is wrong with a pointer.
pub(super) type Wrong = String;

/// The members of one part 6.
pub(super) fn read<'r>(ordinal: u16, part: Value<'r>) -> Result<Vec<Personal<'r>>, Wrong> {
    let Value::Object(members) = part else { return Err("is not an object".to_owned()) };
    if members.is_empty() {
        return Err("is empty, so that it should be absent".to_owned());
    }
    members.into_iter().map(|(pointer, value)| read_one(ordinal, &pointer, value)).collect()
}

fn read_one<'r>(ordinal: u16, pointer: &str, value: Value<'r>) -> Result<Personal<'r>, Wrong> {
    let wrong = |why: &str| format!("has a pointer `{pointer}` that {why}");
    let tokens = tokens(pointer).ok_or_else(|| wrong("is none"))?;
    let reach = reach(&tokens);
    let shape = match reach {
        Reach::Original => table::ORIGINAL,
        Reach::Owner(_) => Shape::Text,
        Reach::Detail => table::DETAIL
            .at(&tokens)
            .ok_or_else(|| wrong("reaches no member that a person may own"))?,
    };
    if let Err(misfit) = shape.check(&value, Empty::Refused) {
        return Err(wrong(&format!("has a value that {} at `{}`", misfit.why, misfit.pointer)));
    }
    let tokens = tokens.into_iter().map(Cow::into_owned).collect();
    Ok(Personal { ordinal, pointer: pointer.to_owned(), tokens, reach, value })
}

fn reach(tokens: &[Cow<'_, str>]) -> Reach {
    match tokens {
        [original] if original == "original" => Reach::Original,
        [targets, number, owner] if targets == "targets" && owner == "owner" => {
            let number = table::position(number).and_then(|number| u16::try_from(number).ok());
            number.map_or(Reach::Detail, Reach::Owner)
        }
        _ => Reach::Detail,
    }
}

/// Two pointers of which one is the other or begins it.
pub(super) fn meeting<'p>(personal: &'p [Personal<'_>]) -> Option<(&'p str, &'p str)> {
    let mut sorted: Vec<_> = personal.iter().collect();
    sorted.sort_by(|a, b| a.tokens.cmp(&b.tokens));
    // What begins with `a` stands right behind it.
    let mut pairs = sorted.iter().zip(sorted.iter().skip(1));
    let met = pairs.find(|(a, b)| b.tokens.starts_with(&a.tokens));
    met.map(|(a, b)| (a.pointer.as_str(), b.pointer.as_str()))
}

/// Puts the personal values of detail back into part 5.
pub(super) fn put_back<'r>(
    detail: &Value<'r>,
    personal: &[Personal<'r>],
) -> Result<Value<'r>, Wrong> {
    let mut whole = detail.clone();
    for one in personal.iter().filter(|one| one.reach == Reach::Detail) {
        let wrong = |why: &str| format!("has a pointer `{}` that {why}", one.pointer);
        let Some((last, containers)) = one.tokens.split_last() else {
            return Err(wrong("reaches everything"));
        };
        let mut here = &mut whole;
        for token in containers {
            here = child_mut(here, token)
                .ok_or_else(|| wrong("passes a container that is not there"))?;
        }
        let Value::Object(members) = here else {
            return Err(wrong("ends at no member of an object"));
        };
        match place(members, last) {
            Ok(_) => return Err(wrong("meets part 5")),
            Err(place) => members.insert(place, (Cow::Owned(last.clone()), one.value.clone())),
        }
    }
    Ok(whole)
}

/// The member or element of `value` that a token names.
pub(super) fn child<'v, 'r>(value: &'v Value<'r>, token: &str) -> Option<&'v Value<'r>> {
    match value {
        Value::Object(members) => member(members, token),
        Value::Array(elements) => elements.get(table::position(token)?),
        _ => None,
    }
}

fn child_mut<'v, 'r>(value: &'v mut Value<'r>, token: &str) -> Option<&'v mut Value<'r>> {
    match value {
        Value::Object(members) => {
            let place = place(members, token).ok()?;
            members.get_mut(place).map(|(_, value)| value)
        }
        Value::Array(elements) => elements.get_mut(table::position(token)?),
        _ => None,
    }
}

/// Takes the member that `tokens` lead to out of `value`; its containers stay.
pub(super) fn take_out<'r>(value: &mut Value<'r>, tokens: &[String]) -> Option<Value<'r>> {
    let (last, containers) = tokens.split_last()?;
    let mut here = value;
    for token in containers {
        here = child_mut(here, token)?;
    }
    let Value::Object(members) = here else { return None };
    let place = place(members, last).ok()?;
    Some(members.remove(place).1)
}

/// The members of an object.
type Members<'r> = [(Cow<'r, str>, Value<'r>)];

/// The member `key`; objects that were parsed are sorted, and stay so here.
pub(super) fn member<'v, 'r>(members: &'v Members<'r>, key: &str) -> Option<&'v Value<'r>> {
    members.get(place(members, key).ok()?).map(|(_, value)| value)
}

/// Where the member `key` is, or would be.
fn place(members: &Members<'_>, key: &str) -> Result<usize, usize> {
    members.binary_search_by(|(known, _)| (**known).cmp(key))
}
