//! Examples that `--help` ends with, for the commands that have no better place for them.

/// Of `serve`.
pub(super) const SERVE: &str = "\
Examples:
  indelible serve
  indelible serve --data-dir /srv/audit --key-dir /srv/audit-keys --listen 127.0.0.1:7070
  indelible serve --listen 127.0.0.1:0 --log info --log-format json";

/// Of `demo`.
pub(super) const DEMO: &str = "\
Examples:
  indelible demo
  indelible demo --data-dir ./indelible-demo --listen 127.0.0.1:0 --rate 20";

/// Of `import`.
pub(super) const IMPORT: &str = "\
Examples:
  indelible import cloudtrail ./cloudtrail --events-out sent.jsonl
  indelible import jsonl events-2026-11.jsonl.zst --json";

/// Of `proof`.
pub(super) const PROOF: &str = "\
Examples:
  indelible proof get 01928f5e-0000-7000-8000-000000000001 -o invoice.tlog-proof";

/// Of `receipt`.
pub(super) const RECEIPT: &str = "\
Examples:
  indelible receipt get 01928f5e-0000-7000-8000-000000000001 -o receipt.json
  indelible verify receipt receipt.json --event event.json";

/// Of `verify`.
pub(super) const VERIFY: &str = "\
Examples:
  indelible verify store --data-dir ./indelible-data
  indelible verify receipt receipt.json --event event.json --key checkpoint.vkey
  indelible verify checkpoint older.checkpoint newer.checkpoint --proof consistency.txt";

/// Of `repair`.
pub(super) const REPAIR: &str = "\
Examples:
  indelible verify store --data-dir ./indelible-data
  indelible repair wal --data-dir ./indelible-data
  indelible repair catalog --data-dir ./indelible-data";

/// Of `segment`.
pub(super) const SEGMENT: &str = "\
Examples:
  indelible segment flush
  indelible segment ls --json";

/// Of `tenant`.
pub(super) const TENANT: &str = "\
Examples:
  indelible tenant create acme
  indelible tenant ls";

/// Of `key`.
pub(super) const KEY: &str = "\
Examples:
  indelible key create --tenant acme --producer billing-api --scope write,read
  indelible key ls
  indelible key revoke k5x3m7qa";
