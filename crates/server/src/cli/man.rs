//! `indelible man`: the manual, as pages for `man`.
//!
//! Promises: one page a command, made of the same tree as `--help`.

use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use super::print;
use super::reference::{Page, pages, roff};

const EXAMPLES: &str = "\
Examples:
  indelible man | man -l -
  indelible man send | man -l -
  indelible man --out ~/.local/share/man/man1";

/// Options of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Whose page; the whole program's if it is left out
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write every page into this folder instead
    #[arg(long, value_name = "D", conflicts_with = "command")]
    out: Option<PathBuf>,
}

/// Prints one page, or writes all.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let pages = pages();
    if let Some(folder) = &args.out {
        return write(&pages, folder);
    }
    let name = std::iter::once("indelible").chain(args.command.iter().map(String::as_str));
    let name = name.collect::<Vec<_>>().join(" ");
    let page = pages.iter().find(|page| page.name == name).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("there is no command `{name}`"),
            "`indelible --help` lists the commands",
        )
    })?;
    print::bytes(shown(page, &pages).as_bytes())?;
    Ok(Exit::Done)
}

/// A page as roff.
fn shown(page: &Page, pages: &[Page]) -> String {
    let below = format!("{} ", page.name);
    let inside: Vec<&Page> = pages.iter().filter(|other| other.name.starts_with(&below)).collect();
    roff(page, &inside)
}

fn write(pages: &[Page], folder: &Path) -> Result<Exit, Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        let what = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(Exit::Failed, what, "name a folder that can be written with --out")
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for page in pages {
        let path = folder.join(format!("{}.1", page.name.replace(' ', "-")));
        std::fs::write(&path, shown(page, pages)).map_err(|error| failed(&path, &error))?;
    }
    print::words(&format!("{} pages are in `{}`", pages.len(), folder.display()));
    Ok(Exit::Done)
}
