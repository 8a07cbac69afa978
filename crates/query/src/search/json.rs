//! Tests of JSON columns: a row's text is read only if it can hold the key that is asked for.

use event::json::write_string;
use event::search::{Field, Test};

use crate::judge::{Side, has_change, has_changed_value, has_value};

/// A test of a JSON text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probe {
    what: What,
    tests: Vec<Test>,
    /// What stands in every text that passes.
    mark: String,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    /// A value at a path.
    Value(Vec<String>),
    /// A change.
    Change,
    /// The value of a change of a path.
    Changed(Side, Vec<String>),
}

impl Probe {
    /// `tests` of what `field` is in a text of its column.
    pub(super) fn new(field: &Field, tests: &[Test]) -> Self {
        let key = |key: &str| What::Value(vec![key.to_owned()]);
        let what = match field {
            Field::Changed => What::Change,
            Field::Old(path) => What::Changed(Side::Old, path.clone()),
            Field::New(path) => What::Changed(Side::New, path.clone()),
            Field::Behalf => key("id"),
            Field::DecisionEffect => key("effect"),
            Field::DecisionPermission => key("permission"),
            Field::DecisionPolicy => key("policy"),
            field => What::Value(field.path().to_vec()),
        };
        let mark = match &what {
            What::Value(path) => path.last().map(|key| quoted(key)),
            What::Change | What::Changed(..) => None,
        };
        Self { what, tests: tests.to_vec(), mark: mark.unwrap_or_default() }
    }

    /// Whether a text passes.
    pub(super) fn holds(&self, text: &str) -> bool {
        if !text.contains(&self.mark) {
            return false;
        }
        match &self.what {
            What::Value(path) => has_value(text, path, &self.tests),
            What::Change => self.tests.iter().any(|test| match test {
                Test::Path(path) => has_change(text, path),
                _ => true,
            }),
            What::Changed(side, path) => has_changed_value(text, *side, path, &self.tests),
        }
    }
}

/// A key as it stands in CJ1.
fn quoted(key: &str) -> String {
    let mut bytes = Vec::new();
    write_string(key, &mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}
