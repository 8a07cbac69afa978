//! The checkout as `tidy` and `figures` see it: every Rust file read once, parsed with `syn`, and
//! measured. It promises one definition of "a line", "a function", "a test" for both of them, and
//! it refuses to guess: a file that does not parse is a finding.

use std::path::{Path, PathBuf};

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// One Rust file.
#[derive(Debug)]
pub(crate) struct File {
    /// Path from the root of the checkout, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text of every line that is not inside test code; test lines are blank.
    pub(crate) product: String,
    pub(crate) functions: Vec<Function>,
    /// First and last lines of items that exist only in test builds.
    pub(crate) test_items: Vec<(usize, usize)>,
    /// Why the file could not be parsed, if it could not.
    pub(crate) broken: Option<String>,
}

/// One function with a body.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first_line: usize,
    pub(crate) lines: usize,
    pub(crate) arguments: usize,
    pub(crate) in_test: bool,
}

impl File {
    /// Reads a file as if it stood at `path`.
    pub(crate) fn parse(path: &str, text: String) -> Self {
        let mut file = Self {
            path: path.to_string(),
            product: if is_test_path(path) { String::new() } else { text.clone() },
            text,
            functions: Vec::new(),
            test_items: Vec::new(),
            broken: None,
        };
        match syn::parse_file(&file.text) {
            Ok(tree) => {
                let mut walk = Walk {
                    functions: Vec::new(),
                    tests: Vec::new(),
                    depth: 0,
                    whole: is_test_path(path),
                };
                walk.visit_file(&tree);
                file.functions = walk.functions;
                file.test_items = walk.tests;
                if !file.product.is_empty() {
                    file.product = without(&file.text, &file.test_items);
                }
            }
            Err(error) => file.broken = Some(error.to_string()),
        }
        file
    }

    /// The crate the file belongs to: `ledger` for `crates/ledger/...`, else its first folder.
    pub(crate) fn package(&self) -> &str {
        let mut parts = self.path.split('/');
        match parts.next() {
            Some("crates") => parts.next().unwrap_or(""),
            first => first.unwrap_or(""),
        }
    }

    /// Whether the whole file is test, bench or example code.
    pub(crate) fn is_test(&self) -> bool {
        is_test_path(&self.path)
    }

    pub(crate) fn line_count(&self) -> usize {
        self.text.lines().count()
    }
}

/// Every Rust file that git knows or would know (untracked, not ignored), sorted by path.
pub(crate) fn files(root: &Path) -> Result<Vec<File>, String> {
    let mut found = Vec::new();
    for path in listed(root)? {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.to_string_lossy().replace('\\', "/");
            match std::fs::read_to_string(root.join(&path)) {
                Ok(text) => found.push(File::parse(&name, text)),
                // A file that git still lists and somebody has just removed is no file.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("cannot read `{name}`: {error}")),
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Every path of the checkout, from its root.
pub(crate) fn listed(root: &Path) -> Result<Vec<PathBuf>, String> {
    let out = std::process::Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    if !out.status.success() {
        return Err("git ls-files failed: tidy needs a git checkout".into());
    }
    let names = String::from_utf8_lossy(&out.stdout).into_owned();
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}

fn is_test_path(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || ["/tests/", "/benches/", "/examples/"].iter().any(|part| path.contains(part))
        || path.starts_with("fuzz/")
}

/// The text with the lines of the given spans made blank, so that line numbers stay.
fn without(text: &str, spans: &[(usize, usize)]) -> String {
    let mut kept = String::with_capacity(text.len());
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if !spans.iter().any(|(first, last)| (*first..=*last).contains(&number)) {
            kept.push_str(line);
        }
        kept.push('\n');
    }
    kept
}

struct Walk {
    functions: Vec<Function>,
    /// First and last lines of items that exist only in test builds.
    tests: Vec<(usize, usize)>,
    depth: usize,
    whole: bool,
}

impl Walk {
    fn function(&mut self, signature: &syn::Signature, whole: Span) {
        let first_line = signature.span().start().line;
        self.functions.push(Function {
            name: signature.ident.to_string(),
            first_line,
            lines: whole.end().line.saturating_sub(first_line) + 1,
            arguments: signature.inputs.len(),
            in_test: self.whole || self.depth > 0,
        });
    }

    fn within(&mut self, attributes: &[syn::Attribute], span: Span, inner: impl FnOnce(&mut Self)) {
        let test = is_test_item(attributes);
        if test {
            self.depth += 1;
            self.tests.push((span.start().line, span.end().line));
        }
        inner(self);
        if test {
            self.depth -= 1;
        }
    }
}

fn is_test_item(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("test") {
            return true;
        }
        let syn::Meta::List(list) = &attribute.meta else { return false };
        path.is_ident("cfg") && list.tokens.to_string() == "test"
    })
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.within(&item.attrs, item.span(), |walk| visit::visit_item_mod(walk, item));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within(&item.attrs, item.span(), |walk| {
            walk.function(&item.sig, item.span());
            visit::visit_item_fn(walk, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(&item.attrs, item.span(), |walk| {
            walk.function(&item.sig, item.span());
            visit::visit_impl_item_fn(walk, item);
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if item.default.is_some() {
            self.function(&item.sig, item.span());
        }
        visit::visit_trait_item_fn(self, item);
    }
}
