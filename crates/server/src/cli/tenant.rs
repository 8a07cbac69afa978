//! `indelible tenant`: lists, shows and creates tenants.
//!
//! Promises: a tenant that was created is durable when the command ends. Refuses to rename or to delete one: its name is
//! its identity.

use event::ids::TenantId;
use indelible_client::wire;
use serde::Serialize;

use super::connect::{self, AdminArgs};
use super::exit::{Exit, Failure};
use super::{print, text, values};

/// Options of `tenant`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the tenants
    #[command(
        after_help = "Examples:\n  indelible tenant ls\n  indelible tenant ls --json | jq -r '.tenants[].name'"
    )]
    Ls {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show one tenant: its origin, its size and its checkpoint keys
    #[command(
        after_help = "Examples:\n  indelible tenant show acme\n  indelible tenant show acme --json | jq -r '.checkpoint_keys[0]'"
    )]
    Show {
        /// The name
        #[arg(value_parser = text::tenant, add = values::tenants())]
        name: TenantId,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Create a tenant; its name is its identity and is never re-used
    #[command(
        after_help = "Examples:\n  indelible tenant create acme\n  indelible key create --tenant acme --producer billing-api --scope write,read"
    )]
    Create {
        /// The name
        #[arg(value_parser = text::tenant)]
        name: TenantId,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Ls { json, admin } => {
            let tenants = connect::admin(&admin)?.tenants()?;
            if json { json_line(&tenants)? } else { list(&tenants.tenants)? }
        }
        Command::Show { name, json, admin } => {
            let tenants = connect::admin(&admin)?.tenants()?.tenants;
            let found = tenants.into_iter().find(|tenant| tenant.name == name.as_str());
            let tenant = found.ok_or_else(|| {
                let what = format!("there is no tenant `{name}`");
                Failure::new(Exit::Failed, what, "`indelible tenant ls` lists them")
            })?;
            if json { json_line(&tenant)? } else { describe(&tenant)? }
        }
        Command::Create { name, json, admin } => {
            let tenant = connect::admin(&admin)?.create_tenant(&name)?;
            if json { json_line(&tenant)? } else { describe(&tenant)? }
        }
    }
    Ok(Exit::Done)
}

/// One JSON object on a line of stdout.
pub(super) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value).map_err(|error| {
        let what = format!("the answer cannot be written as JSON: {error}");
        Failure::new(Exit::Failed, what, "report it: this is a bug")
    })?;
    print::data(&line)
}

fn list(tenants: &[wire::Tenant]) -> Result<(), Failure> {
    let row = |tenant: &wire::Tenant| {
        vec![tenant.name.clone(), tenant.size.to_string(), tenant.origin.clone()]
    };
    let rows: Vec<_> = tenants.iter().map(row).collect();
    print::bytes(text::columns(&["TENANT", "RECORDS", "ORIGIN"], &rows, usize::MAX).as_bytes())
}

fn describe(tenant: &wire::Tenant) -> Result<(), Failure> {
    let line = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    let mut rows = vec![line("origin", &tenant.origin), line("records", &tenant.size.to_string())];
    if !tenant.created_at.is_empty() {
        rows.push(line("created", &tenant.created_at));
    }
    rows.extend(tenant.checkpoint_keys.iter().map(|key| line("key", key)));
    print::bytes(text::columns(&["tenant", &tenant.name], &rows, usize::MAX).as_bytes())
}
