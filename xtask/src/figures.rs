//! `cargo xtask figures`: sizes, functions, comments, asserts and tests of every crate in one table,
//! so that drift is seen before a rule has to stop it. It judges nothing; `tidy` does.

use std::collections::BTreeMap;

use crate::source::{self, File};
use crate::{run, tidy};

/// Prints the table.
pub(crate) fn run() -> Result<(), String> {
    let files = source::files(&run::root())?;
    let mut packages: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
    for file in &files {
        packages.entry(file.package()).or_default().push(file);
    }
    run::say(
        "crate       lines   test%  files med/p90/max   fn med/p90/max  >70  >5arg  comment%  assert/k",
    );
    for (package, files) in packages {
        run::say(&row(package, &files));
    }
    Ok(())
}

fn row(package: &str, files: &[&File]) -> String {
    let total: usize = files.iter().map(|file| file.line_count()).sum();
    let product: Vec<&&File> = files.iter().filter(|file| !file.is_test()).collect();
    let product_lines: usize =
        product.iter().map(|f| f.product.lines().filter(|line| !line.is_empty()).count()).sum();
    let blank: usize =
        files.iter().map(|f| f.text.lines().filter(|line| line.is_empty()).count()).sum();
    let comments: usize = product
        .iter()
        .map(|f| f.product.lines().filter(|line| line.trim_start().starts_with("//")).count())
        .sum();
    let mut sizes: Vec<usize> = product.iter().map(|file| file.line_count()).collect();
    let functions: Vec<_> =
        files.iter().flat_map(|f| &f.functions).filter(|function| !function.in_test).collect();
    let mut lengths: Vec<usize> = functions.iter().map(|function| function.lines).collect();
    let (asserts, code) = tidy::assert_rate(files.iter().copied());
    format!(
        "{package:<10} {total:>6}  {:>5}  {:>17}  {:>14}  {:>3}  {:>5}  {:>8}  {:>8}",
        percent((total - blank).saturating_sub(product_lines), total - blank),
        spread(&mut sizes),
        spread(&mut lengths),
        lengths.iter().filter(|length| **length > 70).count(),
        functions.iter().filter(|function| function.arguments > 5).count(),
        percent(comments, product_lines),
        asserts * 1000 / code.max(1),
    )
}

fn percent(part: usize, whole: usize) -> usize {
    part * 100 / whole.max(1)
}

/// Median, 90th percentile and maximum.
fn spread(values: &mut [usize]) -> String {
    values.sort_unstable();
    let at =
        |share: usize| values.get((values.len() * share / 100).min(values.len().saturating_sub(1)));
    let [median, p90, most] = [at(50), at(90), values.last()].map(|v| v.copied().unwrap_or(0));
    format!("{median}/{p90}/{most}")
}
