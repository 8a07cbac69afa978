//! Which of the three sources a command line means.

use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

#[test]
fn flags_go_with_one_event_and_not_with_a_file() {
    // (arguments, the exit if refused)
    let cases: [(&[&str], Option<Exit>); 8] = [
        (&["a.b", "--actor", "ana"], None),
        (&["@events.jsonl"], None),
        (&["-"], None),
        (&["a.b"], Some(Exit::Usage)),
        (&["-", "--actor", "ana"], Some(Exit::Usage)),
        (&["@f", "--set", "a=1"], Some(Exit::Usage)),
        (&["@f", "--target", "a/1"], Some(Exit::Usage)),
        (&["@f", "--outcome", "denied"], Some(Exit::Usage)),
    ];
    for (line, refused) in cases {
        let cli = Cli::try_parse_from(["indelible", "send"].iter().chain(line)).expect("parses");
        let Command::Send(args) = cli.command else { panic!("not `send`") };
        assert_eq!(source(&args).err().map(|failure| failure.exit), refused, "{line:?}");
    }
}
