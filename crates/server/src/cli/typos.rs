//! What was probably meant by a misspelt option or topic, where the reader of command lines cannot tell.
//!
//! A search may begin with a dash (`-kind:read`), so that `--limt 3` would be taken for a search and `3` blamed. Promises: such
//! an option is named, with the one that it resembles. Refuses to judge anything else: clap does that.

use std::ffi::OsString;

use super::exit::{Exit, Failure};
use super::tree;
use crate::config::nearest;

/// The failure of a command line with an unknown option that would be taken for a value.
pub(super) fn misspelt(words: &[OsString]) -> Option<Failure> {
    let mut command = tree();
    command.build();
    let mut words = words.iter().skip(1).map_while(|word| word.to_str()).peekable();
    while let Some(inner) = words.peek().and_then(|word| command.find_subcommand(word)).cloned() {
        command = inner;
        words.next();
    }
    if !command.get_positionals().any(clap::Arg::is_allow_hyphen_values_set) {
        return None;
    }
    let options = || command.get_arguments().filter_map(clap::Arg::get_long);
    let named = words.take_while(|word| *word != "--").filter_map(|word| word.strip_prefix("--"));
    let mut named = named.map(|word| word.split('=').next().unwrap_or(word));
    let unknown = named.find(|name| !options().any(|option| option == *name))?;
    let name = command.get_bin_name().unwrap_or("indelible");
    let hint = meant(&format!("--{unknown}"), options().map(|option| format!("--{option}")));
    let hint = hint.unwrap_or_else(|| {
        format!("`{name} --help` lists the options; a search that begins so goes behind `--`")
    });
    Some(Failure::new(Exit::Usage, format!("`{name}` has no option `--{unknown}`"), hint))
}

/// A question about the one of `known` that `word` resembles.
pub(super) fn meant(
    word: &str,
    known: impl IntoIterator<Item = impl AsRef<str>>,
) -> Option<String> {
    let known: Vec<_> = known.into_iter().collect();
    let near = nearest(word, known.iter().map(AsRef::as_ref));
    near.map(|known| format!("did you mean `{known}`?"))
}
