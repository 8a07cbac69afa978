//! What was perhaps meant by a name that is none.
//!
//! Promises: at most one suggestion, near or what another language calls the field. Refuses to suggest for one or two
//! letters: everything is near to them.

use std::ops::Range;

use super::error::{Error, Reason};
use super::fields::{self, Field, Kind, Spec};
use super::lexer::{Filter, Raw};
use crate::event::suggest;

/// Names of `is:` and fields are short; below this length there is no suggestion.
const CHARS_MIN: usize = 3;

/// The refusal of a field that is none.
pub(super) fn unknown(text: &str, filter: &Filter, span: &Range<usize>) -> Error {
    let name = text.get(filter.name.clone()).unwrap_or("");
    let error = |hint: String| {
        Error::new(
            Reason::UnknownField,
            filter.name.clone(),
            format!("there is no field `{name}`"),
            hint,
        )
    };
    if name.eq_ignore_ascii_case("tenant") {
        return error(
            "leave it out: a search looks at one tenant, that of the credential".to_owned(),
        );
    }
    match meant(&filter.segments) {
        Some(meant) => {
            error(format!("did you mean `{meant}`? a text with a colon goes into quotes"))
                .instead(meant)
        }
        None => {
            let whole = text.get(span.clone()).unwrap_or("").replace(['"', '\\'], "");
            let mut error = error(format!(
                "a text with a colon goes into quotes: \"{whole}\"; an attribute is attrs.{name}"
            ));
            if whole.chars().count() > 60 {
                error.hint =
                    format!("a text with a colon goes into quotes; an attribute is attrs.{name}");
            }
            error
        }
    }
}

/// The refusal of a word behind `is:`.
pub(super) fn unknown_is(raw: &Raw, word: &str) -> Error {
    let names: Vec<&str> = fields::IS.iter().map(|(name, _, _)| *name).collect();
    let message = format!("`is:` does not know `{}`", word.chars().take(40).collect::<String>());
    let error = Error::new(
        Reason::InvalidValue,
        raw.span.clone(),
        message,
        format!("one of: {}", names.join(", ")),
    );
    match suggest::nearest(word, &names) {
        Some(meant) => error.instead(meant),
        None => error,
    }
}

/// `has:ticket` is `has:attrs.ticket`, unless it is nearly a field.
pub(super) fn below_attrs(
    raw: &Raw,
    name: &str,
    segments: Vec<String>,
) -> Result<(&'static Spec, Vec<String>), Error> {
    if let Some(meant) = meant(&segments) {
        let message = format!("there is no field `{name}`");
        let hint = format!("did you mean `{meant}`? an attribute is has:attrs.{name}");
        return Err(
            Error::new(Reason::UnknownField, raw.span.clone(), message, hint).instead(meant)
        );
    }
    let spec = Field::Attrs(Vec::new()).spec();
    let missing = || {
        Error::new(
            Reason::UnknownField,
            raw.span.clone(),
            "there are no attributes",
            "leave it out",
        )
    };
    Ok((spec.ok_or_else(missing)?, segments))
}

/// The name that these segments probably stand for.
fn meant(segments: &[String]) -> Option<String> {
    let joined = segments.join(".").to_lowercase();
    let foreign = |name: &str| {
        fields::FOREIGN.iter().find(|(other, _)| *other == name).map(|(_, ours)| *ours)
    };
    let names: Vec<&str> = fields::names().collect();
    if let Some(name) =
        foreign(&joined).or_else(|| names.iter().copied().find(|name| *name == joined))
    {
        return Some(name.to_owned());
    }
    if let [first, path @ ..] = segments
        && !path.is_empty()
    {
        let with_paths = fields::SPECS.iter().filter(|spec| spec.kind == Kind::Json);
        let with_paths: Vec<&str> = with_paths.map(|spec| spec.name).collect();
        let first = first.to_lowercase();
        let ours = foreign(&first).filter(|name| with_paths.contains(name));
        if let Some(ours) = ours.or_else(|| near(&first, &with_paths)) {
            return Some(format!("{ours}.{}", path.join(".")));
        }
    }
    near(&joined, &names).map(str::to_owned)
}

/// The nearest name, if at most a third of the letters differ.
fn near<'n>(typed: &str, names: &[&'n str]) -> Option<&'n str> {
    let letters: Vec<char> = typed.chars().collect();
    let found = suggest::nearest(typed, names)?;
    let is_near = letters.len() >= CHARS_MIN
        && suggest::distance(&letters, found) <= (letters.len() / 3).max(1);
    is_near.then_some(found)
}
