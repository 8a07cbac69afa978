//! `indelible key`: creates, lists and revokes API keys.
//!
//! Promises: a token is printed once, when it is made, alone on stdout. Refuses to try a creation twice: a second key that
//! nobody has seen would stay behind.

use event::ids::{ProducerId, TenantId};
use indelible_client::wire;

use super::connect::{self, AdminArgs};
use super::exit::{Exit, Failure};
use super::tenant::json_line;
use super::{print, text, values};

/// Options of `key`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create an API key; the token is shown once
    #[command(after_help = "\
Examples:
  indelible key create --producer billing-api > token && chmod 600 token
  indelible key create --tenant acme --producer web --scope write,read --json")]
    Create(CreateArgs),
    /// List the API keys, without their secrets
    #[command(
        after_help = "Examples:\n  indelible key ls\n  indelible key ls --tenant acme --json | jq -r '.keys[].lookup'"
    )]
    Ls {
        /// Only those of this tenant
        #[arg(long, value_name = "T", value_parser = text::tenant, add = values::tenants())]
        tenant: Option<TenantId>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// End an API key, at once and for ever
    #[command(
        after_help = "Examples:\n  indelible key revoke k5x3m7qa\n  indelible key revoke ind_k5x3m7qa"
    )]
    Revoke {
        /// Its eight look-up characters, or `ind_` and these
        #[arg(value_parser = lookup, add = values::keys())]
        key: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// Options of `key create`.
#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// The tenant it belongs to
    #[arg(long, value_name = "T", default_value = "default", value_parser = text::tenant, add = values::tenants())]
    tenant: TenantId,
    /// The producer that it speaks for
    #[arg(long, value_name = "P", value_parser = text::producer, add = values::producers())]
    producer: ProducerId,
    /// Scopes, by default `write`
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "write", hide_default_value = true,
          value_parser = ["write", "read", "log:read", "admin"])]
    scope: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Create(args) => create(&args)?,
        Command::Ls { tenant, json, admin } => {
            let keys = connect::admin(&admin)?.keys(tenant.as_ref())?;
            if json { json_line(&keys)? } else { list(&keys.keys)? }
        }
        Command::Revoke { key, json, admin } => {
            connect::admin(&admin)?.revoke_key(&key)?;
            if json {
                print::data(&format!("{{\"revoked\":\"{key}\"}}"))?;
            }
            print::words(&format!("revoked: requests with key {key} are refused from now on"));
        }
    }
    Ok(Exit::Done)
}

fn create(args: &CreateArgs) -> Result<(), Failure> {
    let asked = wire::NewKey {
        tenant: args.tenant.to_string(),
        producer: Some(args.producer.to_string()),
        scopes: args.scope.clone(),
    };
    let created = connect::admin(&args.admin)?.create_key(&asked)?;
    if args.json {
        return json_line(&created);
    }
    print::data(&created.token)?;
    let wire::Key { lookup, tenant, scopes, .. } = &created.key;
    let scopes = scopes.join(",");
    print::words(&format!(
        "created: key {lookup} of tenant {tenant}, producer {}, scope {scopes}",
        args.producer
    ));
    print::words("the token above is shown once: only its hash is kept");
    Ok(())
}

fn list(keys: &[wire::Key]) -> Result<(), Failure> {
    let row = |key: &wire::Key| {
        let producer = key.producer.clone().unwrap_or_default();
        let state = key.revoked_at.as_ref().map_or("live".to_owned(), |at| format!("revoked {at}"));
        let names = [key.lookup.clone(), key.tenant.clone(), producer, key.scopes.join(",")];
        names.into_iter().chain([key.created_at.clone(), state]).collect::<Vec<_>>()
    };
    let head = ["KEY", "TENANT", "PRODUCER", "SCOPE", "CREATED", "STATE"];
    let rows: Vec<_> = keys.iter().map(row).collect();
    print::bytes(text::columns(&head, &rows, usize::MAX).as_bytes())
}

/// The look-up part of a key on the command line; never a whole token, which a shell would keep in its history.
fn lookup(text: &str) -> Result<String, String> {
    let lookup = text.strip_prefix("ind_").unwrap_or(text);
    let is_base32 = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'2'..=b'7');
    if lookup.len() == 8 && lookup.bytes().all(is_base32) {
        return Ok(lookup.to_owned());
    }
    Err("eight characters of a-z and 2-7, as `indelible key ls` shows them".to_owned())
}
