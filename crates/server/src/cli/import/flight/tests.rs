//! What an interrupted import says.

use super::Flight;
use std::path::Path;

#[test]
fn an_interrupt_names_what_was_sent_and_not_answered() {
    let flight = Flight::default();
    assert!(
        flight
            .report()
            .starts_with("interrupted after 0 records; nothing that was sent is unknown")
    );
    flight.sent(Path::new("a.json"), (501, 1000));
    assert!(flight.report().contains("records 501 to 1000 of `a.json` were sent and not answered"));
    flight.answered(500);
    assert!(
        flight
            .report()
            .starts_with("interrupted after 500 records; nothing that was sent is unknown")
    );
}
