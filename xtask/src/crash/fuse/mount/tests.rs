//! Which mounts are taken away.

use super::*;

#[test]
fn only_mounts_of_runs_that_are_gone_are_left_over() {
    let own = std::process::id();
    let line = |source: &str, process: u32| {
        format!("{source} /tmp/indelible-crash-{process}-00ab/indelible-data fuse rw 0 0")
    };
    let gone = 4_194_305; // above what a process id can be
    assert_eq!(
        left_over(&line(NAME, gone)),
        Some("/tmp/indelible-crash-4194305-00ab/indelible-data")
    );
    assert_eq!(left_over(&line(NAME, own)), None);
    assert_eq!(left_over(&line("other", gone)), None);
    assert_eq!(left_over("indelible-crash /mnt fuse rw 0 0"), None);
}
