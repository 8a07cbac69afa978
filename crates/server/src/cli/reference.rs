//! The tree of commands as pages: what `docs/reference/cli.md` and the man pages are made of.
//!
//! Promises: both say what `--help` says, since all three are made of the same tree. Refuses to know any command by name.

use std::fmt::Write as _;

use clap::CommandFactory;

use super::Cli;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// `indelible tenant create`.
    pub(super) name: String,
    /// What it does, in a line.
    pub(super) about: String,
    /// How it is called, without `Usage:`.
    pub(super) usage: String,
    /// Arguments and options, each with what it means.
    pub(super) options: Vec<(String, String)>,
    /// Commands of a tail, as they are typed.
    pub(super) examples: Vec<String>,
}

/// Every command that can be run, in the order of `--help`, a group before its members.
pub(super) fn pages() -> Vec<Page> {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    walk(&root, "indelible", &mut pages);
    pages
}

fn walk(command: &clap::Command, name: &str, pages: &mut Vec<Page>) {
    pages.push(page(command, name));
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        walk(inner, &format!("{name} {}", inner.get_name()), pages);
    }
}

fn page(command: &clap::Command, name: &str) -> Page {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim().to_owned();
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let options = shown.map(|argument| (label(argument), meaning(argument))).collect();
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = after.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned);
    Page { name: name.to_owned(), about, usage, options, examples: examples.collect() }
}

/// `-o, --output <F>`, or `<ID>...`.
fn label(argument: &clap::Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let values: Vec<String> = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|name| format!("<{name}>"))
        .collect();
    let values = values.join(" ");
    let mut words = Vec::new();
    words.extend(argument.get_short().map(|short| format!("-{short}")));
    words.extend(argument.get_long().map(|long| format!("--{long}")));
    let flags = words.join(", ");
    match (flags.is_empty(), takes_value) {
        (true, _) => values,
        (false, true) => format!("{flags} {values}"),
        (false, false) => flags,
    }
}

fn meaning(argument: &clap::Arg) -> String {
    let mut text = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let shown = !argument.is_hide_possible_values_set() && argument.get_action().takes_values();
    let possible: Vec<String> = match shown {
        true => {
            argument.get_possible_values().iter().map(|one| one.get_name().to_owned()).collect()
        }
        false => Vec::new(),
    };
    if !possible.is_empty() {
        let _grown = write!(text, " [{}]", possible.join(", "));
    }
    let default: Vec<String> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    if !default.is_empty() && argument.get_action().takes_values() {
        let _grown = write!(text, " (default: {})", default.join(" "));
    }
    text
}

/// A page as roff, for `man`; `inside` are the pages of the commands below it.
pub(super) fn roff(page: &Page, inside: &[&Page]) -> String {
    let title = page.name.replace(' ', "-");
    let mut text = format!(
        ".TH {} 1 \"\" \"indelible {}\" \"Indelible\"\n",
        escaped(&title.to_uppercase()),
        env!("CARGO_PKG_VERSION")
    );
    let (about, usage) = (escaped(&page.about), escaped(&page.usage));
    let _grown =
        write!(text, ".SH NAME\n{} \\- {about}\n.SH SYNOPSIS\n.B {usage}\n", escaped(&title));
    section(
        "OPTIONS",
        page.options.iter().map(|(label, means)| (label.as_str(), means.as_str())),
        &mut text,
    );
    section(
        "COMMANDS",
        inside.iter().map(|page| (page.name.as_str(), page.about.as_str())),
        &mut text,
    );
    if !page.examples.is_empty() {
        text.push_str(".SH EXAMPLES\n.nf\n");
        for example in &page.examples {
            text.push_str(&escaped(example));
            text.push('\n');
        }
        text.push_str(".fi\n");
    }
    text
}

/// A list of words with what they mean; nothing for none.
fn section<'a>(
    title: &str,
    mut pairs: impl Iterator<Item = (&'a str, &'a str)>,
    text: &mut String,
) {
    let Some(first) = pairs.next() else { return };
    let _grown = writeln!(text, ".SH {title}");
    for (label, means) in std::iter::once(first).chain(pairs) {
        let _grown = write!(text, ".TP\n.B {}\n{}\n", escaped(label), escaped(means));
    }
}

/// Text that roff takes as it is.
fn escaped(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    match escaped.starts_with(['.', '\'']) {
        true => format!("\\&{escaped}"),
        false => escaped,
    }
}

/// All pages as one document in Markdown.
#[cfg(test)]
pub(super) fn markdown() -> String {
    let mut text = String::from(
        "# The command line\n\n\
         Data goes to stdout, words to stderr; every failure prints `error:` and `hint:` and ends with one of the codes of\n\
         `docs/operate/exit-codes.md`. This page is made from the tree of commands and checked against it by a test;\n\
         `INDELIBLE_WRITE_DOCS=1` makes that test write it. `indelible man` has the same as man pages.\n",
    );
    for Page { name, about, usage, options, examples } in pages() {
        let _grown = write!(text, "\n## {name}\n\n{about}.\n\n    {usage}\n");
        if !options.is_empty() {
            text.push_str("\n| | |\n|---|---|\n");
        }
        for (label, means) in options {
            let _grown = writeln!(text, "| `{label}` | {} |", means.replace('|', "\\|"));
        }
        if !examples.is_empty() {
            let _grown = write!(text, "\nExamples:\n\n");
        }
        for example in examples {
            let _grown = writeln!(text, "    {example}");
        }
    }
    text
}
