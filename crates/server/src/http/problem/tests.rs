//! The page of error codes against the table that it is made from.

use std::fmt::Write as _;

use event::code::Code;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/errors.md");

/// The page as the table has it.
fn page() -> String {
    let mut page = String::from(
        "# Error codes\n\n\
         Every refusal carries one of these, as `code` of an RFC 9457 problem or of an item's result. A code is never changed or re-used. The\n\
         status is that of an answer that carries the code alone; a request with many items is answered 207 and each item has its own.\n\
         This page is made from `event::code` and checked against it by a test; `INDELIBLE_WRITE_DOCS=1` makes that test write it.\n\n\
         | code | status | retryable | what to do |\n|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let retryable = if code.retryable() { "yes" } else { "no" };
        let hint = code.hint().replace('|', "\\|");
        writeln!(page, "| `{code}` | {} | {retryable} | {hint} |", code.status())
            .expect("a text grows");
    }
    page
}

#[test]
fn the_page_of_error_codes_is_the_table() {
    if std::env::var_os("INDELIBLE_WRITE_DOCS").is_some() {
        std::fs::write(PAGE, page()).expect("written");
    }
    let written = std::fs::read_to_string(PAGE).expect("docs/reference/errors.md");
    assert_eq!(written, page(), "run this test with INDELIBLE_WRITE_DOCS=1 and commit the page");
}
