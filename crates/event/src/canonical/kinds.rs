//! The table that infers what kind of act an action is, where the producer does not say.
//!
//! Promises: one version of the table never changes, since part 8 names it; a change is a new version. Refuses to look at
//! anything but the action.

/// Name and version of the table, as part 8 has it.
pub const KIND_TABLE: &str = "indelible/1";

/// Kind, and the words that say so at the start (or as the whole) of an action's last segment.
const WORDS: &[(&str, &[&str])] = &[
    (
        "login",
        &[
            "login",
            "logon",
            "signin",
            "sign-in",
            "sign_in",
            "authenticate",
            "assume",
            "consolelogin",
        ],
    ),
    ("logout", &["logout", "logoff", "signout", "sign-out", "sign_out"]),
    (
        "grant",
        &[
            "grant",
            "approve",
            "allow",
            "authorize",
            "attach",
            "assign",
            "invite",
            "share",
            "unlock",
        ],
    ),
    (
        "revoke",
        &["revoke", "reject", "deny", "deauthorize", "detach", "unassign", "unshare", "lock"],
    ),
    (
        "create",
        &[
            "create", "add", "insert", "register", "upload", "import", "issue", "open", "new",
            "post", "generate", "copy", "clone",
        ],
    ),
    (
        "read",
        &[
            "read", "get", "list", "view", "describe", "search", "query", "download", "export",
            "lookup", "head", "select", "show", "find", "batchget", "decrypt",
        ],
    ),
    (
        "update",
        &[
            "update", "edit", "modify", "change", "rename", "move", "patch", "replace", "write",
            "put", "tag", "untag", "merge", "reset", "restore",
        ],
    ),
    (
        "delete",
        &[
            "delete",
            "remove",
            "destroy",
            "purge",
            "drop",
            "erase",
            "void",
            "cancel",
            "terminate",
            "deregister",
            "close",
            "archive",
        ],
    ),
    ("config", &["config", "configure", "set", "enable", "disable", "install", "uninstall"]),
    (
        "execute",
        &[
            "execute", "run", "invoke", "start", "stop", "send", "call", "trigger", "deploy",
            "reboot", "publish", "pay", "transfer",
        ],
    ),
];

/// The kind that an action without one is taken for: by the first word of its last segment, `other` if the table does
/// not know it. A word ends where the segment does, at `_` or `-`, or before an upper-case letter (`GetObject`).
#[must_use]
pub fn infer(action: &str) -> &'static str {
    let segment = action.rsplit('.').next().unwrap_or_default();
    let is_whole = |word: &str, rest: &str| {
        rest.is_empty()
            || word.len() > 1
                && rest.starts_with(|next: char| {
                    next.is_ascii_uppercase() || matches!(next, '_' | '-')
                })
    };
    for (kind, words) in WORDS {
        for word in *words {
            let Some((start, rest)) = segment.split_at_checked(word.len()) else { continue };
            if start.eq_ignore_ascii_case(word) && is_whole(word, rest) {
                return kind;
            }
        }
    }
    "other"
}
