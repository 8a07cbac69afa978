//! `cargo xtask dist`: the archive that is shipped. One binary, static where the musl target is there, with what is printed
//! by it (completions, manual, the file to begin with, its schema) and what is used around it (unit, container file, alert rules).
//!
//! It promises that nothing of the machine that builds is in the archive: paths are replaced, times are the commit's, names
//! are sorted and owners are nobody; and that a binary called static names no interpreter. It refuses to sign: whoever
//! publishes does that.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{planted, run};

const HELP: &str = "\
cargo xtask dist [--target TRIPLE] [--out FOLDER] [--twice]

  --target TRIPLE  default: x86_64-unknown-linux-musl where rustup and `musl-gcc` have it, else this machine's own
  --out FOLDER     default: `shipped` in the target folder
  --twice          builds a second time, in another folder, and compares: the archive must come out the same
";

/// The target whose binaries need nothing of the machine that they run on.
const MUSL: &str = "x86_64-unknown-linux-musl";
const GNU: &str = "x86_64-unknown-linux-gnu";

/// Files of the checkout that are shipped as they are, and where.
const AS_THEY_ARE: &[(&str, &str)] = &[
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("SECURITY.md", "SECURITY.md"),
    ("packaging/systemd/indelible.service", "systemd/indelible.service"),
    ("packaging/container/Containerfile", "container/Containerfile"),
    ("packaging/container/compose.yaml", "container/compose.yaml"),
    ("packaging/monitoring/alerts.yml", "monitoring/alerts.yml"),
    ("packaging/monitoring/grafana.json", "monitoring/grafana.json"),
];

/// What the binary prints, and the files that it goes to.
const PRINTED: &[(&[&str], &str)] = &[
    (&["completions", "bash"], "completions/indelible.bash"),
    (&["completions", "zsh"], "completions/_indelible"),
    (&["completions", "fish"], "completions/indelible.fish"),
    (&["config", "init", "-o", "-"], "indelible.toml"),
    (&["config", "schema"], "indelible.schema.json"),
];

/// What was asked for.
#[derive(Debug)]
struct Options {
    target: String,
    out: PathBuf,
    times: Times,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Twice,
}

/// Builds and packs.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let options = parse(args)?;
    let folder = planted::target()?;
    let archive = packed(&options, &folder)?;
    let sum = output(Command::new("sha256sum").arg(&archive))?;
    if options.times == Times::Twice {
        let again = Options { out: options.out.join("again"), ..parse(args)? };
        let second = packed(&again, &folder.join("again"))?;
        let other = output(Command::new("sha256sum").arg(&second))?;
        let digest = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        if digest(&sum) != digest(&other) {
            return Err(format!("two builds differ:\n{sum}{other}"));
        }
        run::say("dist: a second build in another folder is the same, byte for byte");
    }
    let name = name_of(&archive);
    let line = sum.replace(&archive.display().to_string(), &name);
    write(&options.out.join(format!("{name}.sha256")), line.as_bytes())?;
    run::say(&format!("dist: {}\ndist: {}", archive.display(), line.trim()));
    Ok(())
}

fn parse(args: &[String]) -> Result<Options, String> {
    let (mut target, mut out, mut times) = (None, None, Times::Once);
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--target" => target = words.next().cloned(),
            "--out" => out = words.next().map(PathBuf::from),
            "--twice" => times = Times::Twice,
            other => return Err(format!("unknown word `{other}`\n\n{HELP}")),
        }
    }
    let out = match out {
        Some(out) => out,
        None => planted::target()?.join("shipped"),
    };
    Ok(Options { target: target.unwrap_or_else(likely_target), out, times })
}

/// The musl target where it can be built for; the reason otherwise.
fn likely_target() -> String {
    let installed = output(Command::new("rustup").args(["target", "list", "--installed"]));
    let has_target = installed.is_ok_and(|list| list.lines().any(|line| line == MUSL));
    let has_compiler = output(Command::new("musl-gcc").arg("--version")).is_ok();
    if has_target && has_compiler {
        return MUSL.to_owned();
    }
    run::say(&format!(
        "xtask: NOT STATIC: `rustup target add {MUSL}` and a `musl-gcc` (Debian package `musl-tools`) make it so"
    ));
    GNU.to_owned()
}

/// The archive of a build in `folder`.
fn packed(options: &Options, folder: &Path) -> Result<PathBuf, String> {
    let binary = built(options, folder)?;
    let version = output(Command::new(&binary).args(["version"]))?;
    let version = version.split_whitespace().nth(1).unwrap_or("0").to_owned();
    let name = format!("indelible-{version}-{}", options.target);
    let root = options.out.join(&name);
    // What an earlier build left there must not be in this archive.
    let _ = fs::remove_dir_all(&root);
    write(&root.join("indelible"), &read(&binary)?)?;
    for (from, to) in AS_THEY_ARE {
        write(&root.join(to), &read(&run::root().join(from))?)?;
    }
    for (words, to) in PRINTED {
        write(&root.join(to), output(Command::new(&binary).args(*words))?.as_bytes())?;
    }
    let man = root.join("man/man1");
    fs::create_dir_all(&man).map_err(|error| format!("no folder for the manual: {error}"))?;
    output(Command::new(&binary).args(["man", "--out"]).arg(&man))?;
    let archive = options.out.join(format!("{name}.tar.gz"));
    let time = format!("--mtime=@{}", commit_time());
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", &time]);
    tar.args(["--mode=u=rwX,go=rX", "--use-compress-program=gzip --no-name --best"]);
    tar.arg("--file").arg(&archive).arg("--directory").arg(&options.out).arg(&name);
    run::step(&mut tar)?;
    Ok(archive)
}

/// The binary, built so that it does not tell where.
fn built(options: &Options, folder: &Path) -> Result<PathBuf, String> {
    let mut command = run::cargo_command();
    command.args(["build", "--profile", "dist", "--locked", "--bin", "indelible"]);
    command.args(["--target", &options.target]).env("CARGO_TARGET_DIR", folder);
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut places = vec![(folder.to_path_buf(), "/target"), (run::root(), "/indelible")];
    places.extend(home.map(|home| (home, "/cargo")));
    let joined = |flag: &str, separator: &str| {
        let mut words = OsString::new();
        for (place, name) in &places {
            words.push(format!("{separator}{flag}={}={name}", place.display()));
        }
        words.to_string_lossy().trim_start_matches(['\u{1f}', ' ']).to_owned()
    };
    command.env("CARGO_ENCODED_RUSTFLAGS", joined("--remap-path-prefix", "\u{1f}"));
    command.env("CFLAGS", joined("-ffile-prefix-map", " "));
    command.env("SOURCE_DATE_EPOCH", commit_time());
    // A build of changes that are not committed must not name a commit.
    let is_clean = git(&["status", "--porcelain"]).is_ok_and(|changes| changes.is_empty());
    if let (true, Ok(commit)) = (is_clean, git(&["rev-parse", "HEAD"])) {
        command.env("INDELIBLE_COMMIT", commit.trim());
    }
    if options.target == MUSL {
        command.env("CC_x86_64_unknown_linux_musl", "musl-gcc");
    }
    run::step(&mut command)?;
    let binary = folder.join(&options.target).join("dist/indelible");
    let bytes = read(&binary)?;
    if options.target == MUSL && interpreter(&bytes)?.is_some() {
        return Err(format!("`{}` is not static", binary.display()));
    }
    for (place, _) in &places {
        let place = place.display().to_string();
        if bytes.windows(place.len()).any(|window| window == place.as_bytes()) {
            run::say(&format!("dist: the binary still names `{place}`"));
        }
    }
    Ok(binary)
}

/// The program that a 64-bit ELF file wants to be started by: a static one names none.
fn interpreter(elf: &[u8]) -> Result<Option<u64>, String> {
    const INTERPRETER: u64 = 3;
    let number = |at: u64, bytes: u64| -> Option<u64> {
        let range = usize::try_from(at).ok()?..usize::try_from(at.checked_add(bytes)?).ok()?;
        let bytes = elf.get(range)?;
        Some(bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    };
    let broken = || "the binary is no ELF file that is understood".to_owned();
    if elf.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err(broken());
    }
    let first = number(32, 8).ok_or_else(broken)?;
    let (size, count) = (number(54, 2).ok_or_else(broken)?, number(56, 2).ok_or_else(broken)?);
    for index in 0..count {
        let at = first + index * size;
        if number(at, 4).ok_or_else(broken)? == INTERPRETER {
            return Ok(number(at + 8, 8));
        }
    }
    Ok(None)
}

/// When the commit was made; without git, never.
fn commit_time() -> String {
    let time = git(&["log", "-1", "--format=%ct"]);
    time.map_or_else(|_| "0".to_owned(), |time| time.trim().to_owned())
}

fn git(words: &[&str]) -> Result<String, String> {
    output(Command::new("git").current_dir(run::root()).args(words))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

/// Writes a file and the folders above it; a binary stays one that can be run.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let fail = |error: std::io::Error| format!("`{}` cannot be written: {error}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(fail)?;
    fs::write(path, bytes).map_err(fail)?;
    let mode = if bytes.starts_with(b"\x7fELF") { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(fail)
}

/// What a program prints, if it ends well.
fn output(command: &mut Command) -> Result<String, String> {
    let shown = run::shown(command);
    let output = command.output().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("`{shown}` ended with {}", output.status)),
    }
}

#[cfg(test)]
mod tests {
    use super::{AS_THEY_ARE, interpreter};
    use crate::run;

    #[test]
    fn a_program_that_wants_an_interpreter_is_not_static() {
        // This test itself is linked to the C library of the machine.
        let own = std::fs::read(std::env::current_exe().expect("a path")).expect("a binary");
        assert!(interpreter(&own).expect("an ELF file").is_some());
        // The same file, its program header gone: as a static one has it.
        let mut none = own.clone();
        none[56..58].copy_from_slice(&[0, 0]);
        assert_eq!(interpreter(&none), Ok(None));
        assert!(interpreter(b"#!/bin/sh\n").is_err());
        assert!(interpreter(&own[..40]).is_err());
    }

    #[test]
    fn what_is_shipped_is_there() {
        for (from, _) in AS_THEY_ARE {
            assert!(run::root().join(from).is_file(), "{from}");
        }
    }
}
