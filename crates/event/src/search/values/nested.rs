//! Values that have parts: targets, paths of changes, and whatever stands below `attrs`.
//!
//! Promises: as `values`. Refuses to let a star or an escaped sign be a part's border.

use super::{Compare, Quoted, Raw, Reader, empty, is_scalar, limits, literal, range, side};
use crate::json;
use crate::search::error::{Error, Reason};
use crate::search::number::{Bound, Decimal, Numbers};
use crate::search::times;
use crate::search::tree::{Begins, Case, PathPattern, Pattern, Test};

impl Reader<'_> {
    /// `type/id` is cut at the first slash; without one it is an id of any type.
    pub(super) fn target(&self, raw: &Raw) -> Result<Test, Error> {
        let pattern = self.pattern(raw, Case::Exact)?;
        let any = || Pattern::new(vec![String::new(), String::new()], Case::Exact);
        let slash = pattern.pieces.iter().position(|piece| piece.contains('/'));
        let Some(slash) = slash else { return Ok(Test::Target { kind: any(), id: pattern }) };
        let (mut kind, mut id) = (Vec::new(), Vec::new());
        for (position, piece) in pattern.pieces.into_iter().enumerate() {
            match piece.split_once('/').filter(|_| position == slash) {
                Some((before, after)) => {
                    kind.push(before.to_owned());
                    id.push(after.to_owned());
                }
                None if position < slash => kind.push(piece),
                None => id.push(piece),
            }
        }
        if kind.concat().is_empty() && kind.len() == 1 || id.concat().is_empty() && id.len() == 1 {
            return Err(self.invalid(raw, "a target", "write type/id, type/* or an id"));
        }
        Ok(Test::Target {
            kind: Pattern::new(kind, Case::Exact),
            id: Pattern::new(id, Case::Exact),
        })
    }

    /// `/a/b` is a JSON pointer, `a.b` are keys anywhere.
    pub(super) fn path(&self, raw: &Raw) -> Result<PathPattern, Error> {
        self.only_equal(raw)?;
        let hint =
            "write keys with dots between, or a JSON pointer: changed:role, changed:/user/role";
        let pieces = match self.filter.compare {
            Some(_) => vec![literal(raw)],
            None => raw.pieces.clone(),
        };
        let is_pointer = pieces.first().is_some_and(|piece| piece.starts_with('/'));
        let (sign, begins) =
            if is_pointer { ('/', Begins::AtRoot) } else { ('.', Begins::Anywhere) };
        // The pieces of the keys: a star begins a piece of the same key, the sign between keys the next key.
        let mut keys: Vec<Vec<String>> = vec![Vec::new()];
        for piece in pieces {
            for (position, part) in piece.split(sign).enumerate() {
                if position > 0 {
                    keys.push(Vec::new());
                }
                if let Some(key) = keys.last_mut() {
                    key.push(part.to_owned());
                }
            }
        }
        if is_pointer {
            keys.remove(0);
            let plain = |part: &String| {
                let pointer = format!("/{part}");
                json::tokens(&pointer)?.pop().map(String::from)
            };
            for part in keys.iter_mut().flatten() {
                *part = plain(part).ok_or_else(|| self.invalid(raw, "a JSON pointer", hint))?;
            }
        }
        let is_nothing = |key: &Vec<String>| key.len() == 1 && key.concat().is_empty();
        if begins == Begins::Anywhere && keys.iter().any(is_nothing) {
            return Err(self.invalid(raw, "a path", hint));
        }
        if keys.len() > limits::PATH_SEGMENTS_MAX {
            let message = format!("a path of more than {} segments", limits::PATH_SEGMENTS_MAX);
            return Err(Error::new(
                Reason::Limit,
                raw.span.clone(),
                message,
                "ask for a part of it",
            ));
        }
        let form = |pieces| Pattern::new(pieces, Case::Exact);
        Ok(PathPattern { keys: keys.into_iter().map(form).collect(), begins })
    }

    /// A value below `attrs`, `old` or `new`: what it looks like decides.
    pub(super) fn json(&self, raw: &Raw) -> Result<Test, Error> {
        let text = literal(raw);
        let is_bare = raw.quoted == Quoted::No;
        let is_scalar = is_bare && is_scalar(&text);
        let compare = match self.filter.compare {
            None if range(raw).is_some() => return self.json_range(raw),
            None | Some(Compare::Equal) if is_scalar => return Ok(Test::Scalar(text)),
            None => return Ok(Test::Text(Pattern::new(raw.pieces.clone(), Case::Exact))),
            Some(Compare::Equal) => return Ok(Test::Text(Pattern::exact(text))),
            Some(compare) => compare,
        };
        if let Some(number) = Decimal::parse(&text) {
            return Ok(Test::Number(Numbers::side(compare, &number)));
        }
        match times::parse(&text, self.now) {
            Some(moment) => Ok(Test::Time(side(Some(compare), moment))),
            None => Err(self.invalid(
                raw,
                "a number or a time",
                "compare with a number or a time; texts have no order",
            )),
        }
    }

    fn json_range(&self, raw: &Raw) -> Result<Test, Error> {
        let (from, to) = range(raw).unwrap_or_default();
        let numbers = [from, to].map(|end| (!end.is_empty()).then(|| Decimal::parse(end)));
        if !numbers.contains(&Some(None)) {
            let [min, max] = numbers.map(|end| end.flatten().map(Bound::included));
            let is_empty = min.as_ref().zip(max.as_ref()).is_some_and(|(a, b)| a.value > b.value);
            if is_empty {
                return Err(empty(raw.span.clone()));
            }
            return Ok(Test::Number(Numbers { min, max }));
        }
        let hint = "write a range of numbers or times; a text with two dots goes into quotes";
        let is_time = |end: &str| end.is_empty() || times::parse(end, self.now).is_some();
        if is_time(from) && is_time(to) {
            return self.time(raw).map(Test::Time);
        }
        Err(self.invalid(raw, "a range of numbers or times", hint))
    }
}
