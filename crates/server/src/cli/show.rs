//! `indelible show`: one event by id, with its proof when asked.
//!
//! Promises: with `--proof` the proof is checked here, against a key that this machine already has; which key that was is
//! said. Refuses to compare the event's members with the proof: that is what a receipt is for.

use event::ids::EventId;
use event::json::{Limits, parse};
use indelible_client::{Connection, ProofForm, wire};
use tlog::Hash;
use tlog::checkpoint::Checkpoint;
use tlog::hash::leaf_hash;
use tlog::note::VerifierKey;

use super::connect::{self, ConnectArgs};
use super::exit::{Exit, Failure};
use super::{print, text};

const EXAMPLES: &str = "\
Examples:
  indelible show 01928f5e-0000-7000-8000-000000000001
  indelible show 01928f5e-0000-7000-8000-000000000001 --proof
  indelible show 01928f5e-0000-7000-8000-000000000001 --json | jq .actor";

/// Options of `show`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The id of the event
    #[arg(value_parser = text::event_id)]
    id: EventId,
    /// Fetch its inclusion proof too and check it
    #[arg(long)]
    proof: bool,
    /// Print JSON as it was served; with --proof {"event","proof"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let (client, connection) = connect::client(&args.connect)?;
    let event = client.event(args.id)?;
    let proof = if args.proof { Some(client.proof(args.id, ProofForm::Json)?) } else { None };
    match (&proof, args.json) {
        (None, true) => print::data(&String::from_utf8_lossy(&event))?,
        (Some(proof), true) => {
            let (event, proof) = (String::from_utf8_lossy(&event), String::from_utf8_lossy(proof));
            print::data(&format!("{{\"event\":{event},\"proof\":{proof}}}"))?;
        }
        (_, false) => print::data(&readable(&event)?)?,
    }
    match &proof {
        Some(proof) => check(proof, &connection),
        None => Ok(Exit::Done),
    }
}

/// The event with one member a line.
fn readable(event: &[u8]) -> Result<String, Failure> {
    let value = parse(event, Limits::READER).map_err(|error| {
        let what = format!("the server's event is not JSON: {error}");
        Failure::new(Exit::Failed, what, "check that INDELIBLE_URL names an Indelible server")
    })?;
    Ok(text::pretty(&value))
}

/// Checks a proof and says on stderr what was found.
fn check(proof: &[u8], connection: &Connection) -> Result<Exit, Failure> {
    let proof: wire::Proof = serde_json::from_slice(proof).map_err(|error| {
        let what = format!("the server's proof is not one: {error}");
        Failure::new(
            Exit::IntegrityFailed,
            what,
            "run `indelible verify store` on the data directory",
        )
    })?;
    let keys: Vec<VerifierKey> =
        connection.checkpoint_keys.iter().filter_map(|key| VerifierKey::parse(key).ok()).collect();
    match verify(&proof, &keys) {
        Ok(checkpoint) => {
            let (index, size, origin) = (proof.index, checkpoint.size, checkpoint.origin);
            print::words(&format!(
                "proof: index {index} stands in the tree of {size} signed by {origin}"
            ));
            print::words("key: taken from client.json of this server");
            Ok(Exit::Done)
        }
        Err(tlog::Error::UnknownOrigin { origin }) => Err(Failure::new(
            Exit::IntegrityUnchecked,
            format!("the proof could not be checked: no key is known for `{origin}`"),
            "fetch it with `indelible proof get` and check it with the key that you pinned",
        )),
        Err(error) => Err(Failure::new(
            Exit::IntegrityFailed,
            format!("the proof of index {} does not hold: {error}", proof.index),
            "keep the answer, and run `indelible verify store` on the data directory",
        )),
    }
}

/// The checkpoint under which the proof holds.
fn verify(proof: &wire::Proof, keys: &[VerifierKey]) -> Result<Checkpoint, tlog::Error> {
    let checkpoint = Checkpoint::open(&proof.checkpoint, keys)?;
    let hashes: Vec<Hash> =
        proof.proof.iter().map(|hash| hash.parse()).collect::<Result<_, _>>()?;
    let entry = from_hex(&proof.entry).ok_or(tlog::Error::Malformed {
        format: tlog::Format::ProofFile,
        why: "the entry is not hexadecimal",
    })?;
    let tree = (checkpoint.size, &checkpoint.root);
    tlog::proof::verify_range(proof.index, &[leaf_hash(&entry)], &hashes, tree)?;
    Ok(checkpoint)
}

/// The bytes of lower-case hexadecimal digits.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests;
